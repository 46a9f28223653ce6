// The dashboard: reads the admin API every two seconds and shows it. No framework, nothing from elsewhere.

/** Makes an element; strings become text, so nothing of the data is ever markup. */
function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== undefined && child !== null));
  return made;
}

const byId = (id) => document.getElementById(id);
const code = (text) => element("code", {}, String(text));
const none = () => element("span", { class: "quiet" }, "–");

async function read(path) {
  const response = await fetch(path);
  return response.json();
}

function row(...cells) {
  return element("tr", {}, ...cells.map((cell) => element("td", {}, cell ?? none())));
}

function ports(list) {
  return list.length === 0
    ? none()
    : element(
        "span",
        {},
        ...list.flatMap((one, at) => [at > 0 ? ", " : "", `${one.port} at `, code(one.address)]),
      );
}

function state(ready, word, failure) {
  return element("span", { class: ready ? "good" : "bad" }, failure ?? word);
}

function showStatus(status) {
  byId("version").textContent = status.version;
  const line = byId("state");
  line.className = status.ready ? "good" : "mild";
  line.textContent = status.ready
    ? "Every proxy serves the newest configuration"
    : `Waiting: ${status.awaited.join("; ")}`;
  byId("proxies").replaceChildren(
    ...[...status.gateways, ...status.sidecars].map((proxy) =>
      row(
        proxy.name,
        state(proxy.ready && proxy.sync === "synced", proxy.ready ? proxy.sync : "not ready", proxy.failure),
        ports(proxy.ingress),
        proxy.egress === undefined ? undefined : code(proxy.egress),
        code(proxy.admin),
        proxy.meshIdentity === undefined ? undefined : code(proxy.meshIdentity),
        String(proxy.restarts),
      ),
    ),
  );
  byId("workloads").replaceChildren(
    ...status.workloads.map((workload) =>
      row(
        workload.name,
        state(workload.ready, workload.ready ? "ready" : "not ready", workload.failure),
        ports(workload.ports),
        workload.pid === undefined ? undefined : String(workload.pid),
        String(workload.restarts),
      ),
    ),
  );
  const from = document.forms.explain.elements.from;
  const names = status.sidecars.map((proxy) => proxy.name);
  if (
    [...from.options]
      .slice(1)
      .map((option) => option.value)
      .join() !== names.join()
  ) {
    const chosen = from.value;
    from.replaceChildren(
      element("option", { value: "" }, "from a client"),
      ...names.map((name) => element("option", { value: name }, `from ${name}`)),
    );
    from.value = names.includes(chosen) ? chosen : "";
  }
}

function place(one) {
  if (one === undefined) return none();
  const where = one.file === undefined || one.file === null ? "" : ` (${one.file}:${one.line})`;
  return element("span", {}, `${one.object} `, code(one.field), element("span", { class: "quiet" }, where));
}

function showProblems(problems) {
  if (problems.length === 0) {
    byId("problems").replaceChildren(element("p", { class: "good" }, "None."));
    return;
  }
  const colours = { error: "bad", warning: "mild", info: "quiet" };
  byId("problems").replaceChildren(
    element(
      "ul",
      {},
      ...problems.map((one) => {
        const object =
          one.object.namespace === "" ? one.object.name : `${one.object.namespace}/${one.object.name}`;
        return element(
          "li",
          {},
          element("strong", { class: colours[one.severity] }, one.code),
          ` ${one.message}`,
          one.fix === null ? undefined : element("span", {}, ` ${one.fix}`),
          element("br"),
          place({ ...one, object: `${one.object.kind} ${object}` }),
        );
      }),
    ),
  );
}

function list(items) {
  return element("ul", {}, ...items.map((item) => element("li", {}, item)));
}

function showExplanation(answer) {
  const entries = [];
  const add = (title, ...content) => entries.push(element("dt", {}, title), element("dd", {}, ...content));
  if (answer.problem !== undefined) add("Answer", element("strong", { class: "bad" }, answer.problem));
  if (answer.listener !== undefined)
    add("Listener", answer.listener.name, " at ", code(answer.listener.address));
  if (answer.host !== undefined) add("Host", answer.host.name, " by ", code(answer.host.matched));
  if (answer.route !== undefined) {
    add("Route", answer.route.name, ": ", answer.route.match, list(answer.route.from.map(place)));
  }
  if (answer.plugins.length > 0) {
    add("Plugins", list(answer.plugins.map((one) => element("span", {}, `${one.name} `, place(one.from)))));
  }
  if (answer.action?.kind === "forward") {
    add("Host sent", answer.action.host);
    add("Path sent", answer.action.path);
    add("Retries", answer.action.retries);
    add("Timeouts", answer.action.timeouts);
    add(
      "Backends",
      list(
        answer.action.backends.map((one) =>
          element(
            "span",
            {},
            `${one.share} % to `,
            code(one.cluster),
            ` ${one.endpoints.join(", ")} `,
            place(one.from),
          ),
        ),
      ),
    );
  } else if (answer.action !== undefined) {
    add("Answer", `${answer.action.kind} ${answer.action.status} ${answer.action.detail}`);
  }
  if (answer.passed.length > 0) {
    add("Passed by", list(answer.passed.map((one) => `${one.route}: ${one.because}`)));
  }
  byId("explanation").replaceChildren(element("dl", {}, ...entries));
}

document.forms.explain.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { method, url, from } = event.target.elements;
  const query = new URLSearchParams({ method: method.value, url: url.value });
  if (from.value !== "") query.set("from", from.value);
  const answer = await read(`/v1/explain?${query}`);
  if (answer.message !== undefined) {
    byId("explanation").replaceChildren(element("p", { class: "bad" }, answer.message));
  } else showExplanation(answer);
});

async function refresh() {
  try {
    const [status, problems] = await Promise.all([read("/v1/status"), read("/problems")]);
    showStatus(status);
    showProblems(problems);
  } catch {
    byId("state").className = "bad";
    byId("state").textContent = "The control plane does not answer. Proxies keep serving what they have.";
  }
  setTimeout(refresh, 2000);
}

void refresh();
