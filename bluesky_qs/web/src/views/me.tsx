/** The signed-in user: name, permissions, and browser notifications. */

import { useId } from "preact/hooks";
import { rights } from "../words/controls";
import { shownUser } from "../words/results";
import { useModel } from "./app";
import { allowNotices, noticePermission, type Permission, refuseNotices } from "./browser_notices";

export function MeView() {
  const { actions } = useModel();
  const person = actions.person.value;
  const roles = person.roles.join(", ");
  return (
    <>
      <section aria-labelledby="me-title">
        <h2 id="me-title">About me</h2>
        <dl class="facts">
          <dt>Shown to others as</dt>
          <dd>{shownUser(person.user)}</dd>
          <dt>Sign-in</dt>
          <dd>
            {person.sharesKey ? "a shared key" : shownUser(person.user)}
            {roles && !person.sharesKey && `, role ${roles}`}
          </dd>
          <dt>User group</dt>
          <dd>{person.group}, which determines the plans and devices that I may use</dd>
        </dl>
        {person.sharesKey && <NameForm name={person.name ?? ""} />}
      </section>
      <section aria-labelledby="rights-title">
        <h2 id="rights-title">My permissions</h2>
        <ul class="rights">
          {rights(person.scopes).map(({ area, isMine }) => (
            <li key={area} class={isMine ? "" : "meta"}>
              <span class={isMine ? "good" : ""} aria-hidden="true">
                {isMine ? "✓" : "–"}
              </span>{" "}
              {isMine ? area : `not: ${area}`}
            </li>
          ))}
        </ul>
      </section>
      <BrowserNotices />
    </>
  );
}

/** Changes the name of a user with a shared key. */
function NameForm({ name }: { name: string }) {
  const { actions, notices } = useModel();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const given = String(new FormData(event.currentTarget as HTMLFormElement).get("name") ?? "").trim();
    actions.introduce(given);
    notices.done(given ? `Others now see the name ${given}.` : "Others no longer see a name.");
  };
  return (
    <form class="tools" onSubmit={submit}>
      <input name="name" aria-label="Your name" defaultValue={name} maxLength={64} autocomplete="nickname" />
      <button type="submit">Change the name</button>
    </form>
  );
}

const STATES: Record<Permission, string> = {
  off: "The browser can notify you of failed plans and questions while you are not looking at this page.",
  on: "The browser notifies you of failed plans and questions while you are not looking at this page.",
  blocked:
    "This browser blocks notifications from this page. To allow them, change the browser's settings for this page.",
  impossible: "This browser shows notifications only from HTTPS pages. Ask the server's administrator to enable TLS.",
};

function BrowserNotices() {
  const permission = noticePermission().value;
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>Browser notifications</h2>
      <p>{STATES[permission]}</p>
      {permission === "off" && (
        <button type="button" onClick={() => void allowNotices()}>
          Allow notices
        </button>
      )}
      {permission === "on" && (
        <button type="button" onClick={refuseNotices}>
          No notices
        </button>
      )}
    </section>
  );
}
