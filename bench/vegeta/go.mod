// Pins the load generator of the bench; see ../tools.mjs.
module diolkos-bench-vegeta

go 1.22

require github.com/tsenart/vegeta/v12 v12.12.0
