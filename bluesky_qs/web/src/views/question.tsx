/** Shows a prompt from user code (`input()`), with a form to answer it. */

import { useId } from "preact/hooks";
import type { Schemas } from "../source/source";
import { useModel } from "./app";
import { focusAgain } from "./dialog";
import { rootOf } from "./root";

type InputPending = Schemas["InputPending"];

export function Question({ question }: { question: InputPending }) {
  const model = useModel();
  const id = useId();
  const mayAnswer = model.actions.may("write:execute");
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const root = rootOf(form);
    const text = String(new FormData(form).get("answer") ?? "");
    if (model.actions.isBusy("input_reply")) return;
    const reply = await model.actions.run("input_reply", { input_uid: question.input_uid, text });
    if (reply) focusAgain(null, root);
  };
  const prompt = question.prompt.trim();
  const field = { id: `${id}-answer`, name: "answer", autocomplete: "off", spellcheck: false } as const;
  const who = asker(question);
  return (
    <div role="alert">
      <form class="wait question" onSubmit={(event) => void submit(event)} aria-labelledby={id}>
        <label id={id} for={`${id}-answer`}>
          <span aria-hidden="true">? </span>
          {prompt ? `${who} asks: ${prompt}` : `${who} is waiting for input.`}
        </label>
        {mayAnswer ? (
          <span class="row-of-inputs">
            {question.secret ? <input type="password" {...field} /> : <input type="text" {...field} />}
            <button type="submit" class="primary">
              Answer
            </button>
          </span>
        ) : (
          <span>A user who may run plans has to answer it.</span>
        )}
      </form>
    </div>
  );
}

function asker({ item_uid, task_uid }: InputPending): string {
  if (item_uid) return "The plan";
  return task_uid ? "A script or function" : "The startup code";
}
