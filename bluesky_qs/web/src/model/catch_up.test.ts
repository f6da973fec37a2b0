import { expect, test, vi } from "vitest";
import type { ConsoleText, Document } from "../source/source";
import { CatchUp } from "./catch_up";
import { FakeSource } from "./fake_source";
import { Runs } from "./runs";

const line = (time: number): ConsoleText => ({ time, msg: `${time}` });

function follow(read: () => Promise<ConsoleText[]>) {
  const source = new FakeSource();
  const taken: number[] = [];
  let last = 0;
  const stream = new CatchUp(source, {
    topic: "console",
    read,
    isNew: ({ time }) => time > last,
    take: ({ time }) => {
      last = time;
      taken.push(time);
    },
  });
  stream.begin();
  return { source, stream, taken };
}

test("what is published while the earlier messages are read comes after them, and once", async () => {
  const { source, taken } = follow(async () => [line(1), line(2)]);
  source.connected("console");
  source.published("console", line(2));
  source.published("console", line(3));
  await vi.waitFor(() => expect(taken).toEqual([1, 2, 3]));
  source.published("console", line(4));
  expect(taken).toEqual([1, 2, 3, 4]);
});

test("of two connections that follow each other closely, the later one has everything", async () => {
  const answers: ((messages: ConsoleText[]) => void)[] = [];
  const { source, taken } = follow(() => new Promise((resolve) => answers.push(resolve)));
  source.connected("console");
  source.connected("console");
  answers[1]?.([line(1), line(2)]);
  await vi.waitFor(() => expect(taken).toEqual([1, 2]));
  answers[0]?.([line(1)]);
  await Promise.resolve();
  source.published("console", line(3));
  expect(taken).toEqual([1, 2, 3]);
});

test("earlier messages that cannot be read are a problem, until they can; what is published counts anyway", async () => {
  let fails = true;
  const { source, stream, taken } = follow(async () => {
    if (fails) throw new Error("The service does not answer.");
    return [line(1), line(2)];
  });
  source.connected("console");
  source.published("console", line(2));
  await vi.waitFor(() => expect(stream.problem.value).toBe("The service does not answer."));
  expect(taken).toEqual([2]);
  fails = false;
  source.connected("console");
  await vi.waitFor(() => expect(stream.problem.value).toBe(""));
});

test("documents that cannot be read are a problem that the view can show", async () => {
  const source = new FakeSource();
  const runs = new Runs(source);
  source.answers.documents_get = () => {
    throw new Error("no documents");
  };
  runs.begin();
  source.connected("documents");
  await vi.waitFor(() => expect(runs.problem.value).toBe("no documents"));
});

test("the fields of a device with wrong hints are its own, numbers before images", async () => {
  const source = new FakeSource();
  const runs = new Runs(source);
  const number = { dtype: "number", shape: [] };
  const descriptor = {
    uid: "d",
    run_start: "r",
    name: "primary",
    data_keys: { x_readback: number, det_mean: number, det_image: { dtype: "array", shape: [5, 5] }, other: number },
    object_keys: { x: ["x_readback"], det: ["det_image", "det_mean"], other: ["other"] },
    hints: { x: { fields: ["x"] }, det: { fields: ["det_sum"] }, other: { fields: [] } },
  };
  const messages: [string, object][] = [
    ["start", { uid: "r", motors: ["x"] }],
    ["descriptor", descriptor],
  ];
  source.answers.documents_get = () => ({
    documents: messages.map(([name, doc]) => ({ time: 1, item_uid: "i", name, doc }) as Document),
  });
  runs.begin();
  source.connected("documents");
  await vi.waitFor(() => expect(runs.runs.value.length).toBe(1));
  expect([runs.runs.value[0]?.along, runs.runs.value[0]?.read]).toEqual([["x_readback"], ["det_mean"]]);
});
