/** Shows both versions of an item that changed while the user edited it, with buttons to resolve the conflict. */

import { useId } from "preact/hooks";
import type { Composer, Conflict } from "../model/composer";
import { differences } from "../model/versions";
import { planText } from "../words/plan";
import { shownUser } from "../words/results";
import { useModel } from "./app";

export function ConflictPanel({ composer, conflict }: { composer: Composer; conflict: Conflict }) {
  const id = useId();
  const { theirs, isRefused } = conflict;
  const who = theirs ? shownUser(theirs.user) : "";
  return (
    <section class="conflict" aria-labelledby={id} role={isRefused ? "alert" : undefined}>
      <h3 id={id}>
        <span aria-hidden="true">⚠ </span>
        {isRefused && "Not saved: "}
        {theirs ? `${who || "Somebody"} has changed this item in the meantime` : "this item is no longer in the queue"}
      </h3>
      {theirs ? (
        <Versions composer={composer} conflict={{ ...conflict, theirs }} />
      ) : (
        <p>It is running, has run, or was removed. You can add your version as a new item.</p>
      )}
      <div class="answers">
        {theirs && (
          <>
            <button type="button" onClick={() => void composer.keepMine()}>
              Replace it with mine
            </button>
            <button type="button" onClick={() => composer.takeTheirs()}>
              Take theirs
            </button>
          </>
        )}
        <button type="button" onClick={() => void composer.addMine()}>
          Add mine as a new item
        </button>
        {!theirs && (
          <button type="button" onClick={() => composer.cancel()}>
            Discard mine
          </button>
        )}
      </div>
    </section>
  );
}

function Versions({
  composer,
  conflict,
}: {
  composer: Composer;
  conflict: Conflict & { theirs: NonNullable<Conflict["theirs"]> };
}) {
  const { lists } = useModel();
  const { theirs } = conflict;
  const names = lists.names.value;
  const { call } = composer.reading.value;
  const mine = call ? composer.item(call) : null;
  const found = mine ? differences(mine, theirs, lists.known.value, names) : [];
  return (
    <table>
      <thead>
        <tr>
          <th />
          <th>Mine</th>
          <th>In the queue</th>
        </tr>
      </thead>
      <tbody>
        <tr>
          <th>plan</th>
          <td class="call">{composer.text.value}</td>
          <td class="call">{planText(theirs, names)}</td>
        </tr>
        {found.map((each) => (
          <tr key={each.name}>
            <th>{each.name}</th>
            <td class="call">{each.mine || "–"}</td>
            <td class="call">{each.theirs || "–"}</td>
          </tr>
        ))}
        {mine && found.length === 0 && (
          <tr>
            <td colSpan={3}>Both versions are the same now.</td>
          </tr>
        )}
      </tbody>
    </table>
  );
}
