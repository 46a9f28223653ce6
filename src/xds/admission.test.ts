import { expect, test, vi } from "vitest";
import { Admission } from "./admission.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("lets the next one in when one has arrived, or after a time", async () => {
  const inside: number[] = [];
  const admission = new Admission<number>((item) => inside.push(item), { atOnce: 2, patienceMs: 50 });
  for (let item = 1; item <= 6; item += 1) admission.add(item);
  expect(inside).toEqual([]);
  await turn();
  await turn();
  expect(inside).toEqual([1, 2]);
  admission.arrived();
  await turn();
  expect(inside).toEqual([1, 2, 3]);
  // One that came in by itself, and one too many, change nothing.
  admission.arrived();
  admission.arrived();
  admission.arrived();
  await turn();
  expect(inside).toEqual([1, 2, 3, 4, 5]);
  await vi.waitFor(() => expect(inside).toEqual([1, 2, 3, 4, 5, 6]), { interval: 5 });
});

test("lets nobody in after it was closed", async () => {
  const inside: number[] = [];
  const admission = new Admission<number>((item) => inside.push(item));
  admission.add(1);
  admission.close();
  await turn();
  expect(inside).toEqual([]);
});
