/** The devices: a tree with search, the watched devices, and everything that is known about the chosen one. */

import { useEffect, useRef } from "preact/hooks";
import { deviceKind, limitsText, readingText, readingTime } from "../words/readings";
import { plural } from "../words/times";
import { useModel } from "./app";
import { DeviceLines } from "./device_lines";
import { KeysHelp } from "./keys_help";

export function DevicesView() {
  const { tree } = useModel();
  useEffect(() => tree.begin(), [tree]);
  return (
    <>
      <TreePanel />
      <div class="beside-tree">
        <DevicePanel />
        <WatchedPanel />
      </div>
    </>
  );
}

const KEYS: readonly (readonly [string, string])[] = [
  ["↑ ↓ Home End Page Up, Page Down", "choose a device"],
  ["→ ←", "show or hide its parts; go to its first part or its parent"],
  ["Space", "watch it, or stop watching it"],
  ["Enter", "read it again"],
];

function TreePanel() {
  const model = useModel();
  const { tree } = model;
  const panel = useRef<HTMLElement>(null);
  const found = tree.found.value;
  const all = model.devices.value.size;
  const whole = Object.keys(model.lists.known.value.devices).length;
  const toTree = (event: KeyboardEvent) => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    tree.current.value = tree.lines.value[0]?.name ?? null;
    panel.current?.querySelector<HTMLElement>("[role=tree]")?.focus();
  };
  return (
    <section class="devices" ref={panel} aria-labelledby="devices-title">
      <h2 id="devices-title">
        Devices
        <span role="status">{counted(whole, all, found)}</span>
      </h2>
      <div class="tools">
        <input
          type="search"
          aria-label="Search by name, class or kind"
          placeholder="Search"
          autocomplete="off"
          value={tree.search.value}
          onInput={(event) => tree.find(event.currentTarget.value)}
          onKeyDown={toTree}
        />
        <button type="button" onClick={() => tree.again()}>
          Read again
        </button>
      </div>
      <Problem />
      {tree.lines.value.length > 0 && (
        <>
          <div class="rows-head" aria-hidden="true">
            <div class="row head">
              <span>Device</span>
              <span class="value">Value</span>
              <span class="unit" />
              <span class="limits">Limits</span>
              <span class="time">Time</span>
              <span class="kind">Kind</span>
              <span class="watch" />
            </div>
          </div>
          <DeviceLines />
          <KeysHelp keys={KEYS} />
        </>
      )}
    </section>
  );
}

/** `46 devices, 265 including parts`; while searching, `3 of 265 devices and parts`. */
function counted(whole: number, all: number, found: number | null): string {
  const hasParts = all > whole;
  if (found !== null) return `${found} of ${hasParts ? `${all} devices and parts` : plural(all, "device")}`;
  return `${plural(whole, "device")}${hasParts ? `, ${all} including parts` : ""}`;
}

/** Why there is nothing to show or to read. */
function Problem() {
  const model = useModel();
  const { tree } = model;
  const isClosed = model.status.value?.worker_environment_exists === false;
  if (!model.actions.person.value.scopes.has("read:resources")) {
    return <p class="none">You may not see the devices: your sign-in lacks read:resources.</p>;
  }
  if (model.devices.value.size === 0) {
    return <p class="meta none">No devices are known yet: open the environment first.</p>;
  }
  if (tree.lines.value.length === 0) return <p class="meta none">No device matches.</p>;
  if (isClosed) return <p class="wait">The environment is closed. Open it to read devices.</p>;
  if (!tree.problem.value) return null;
  return (
    <p class="bad" role="status">
      ✕ The devices cannot be read: {tree.problem.value}
    </p>
  );
}

/** Everything that is known about the chosen device. */
function DevicePanel() {
  const model = useModel();
  const { tree } = model;
  const name = tree.current.value;
  const device = name === null ? undefined : tree.device(name);
  if (name === null || !device) {
    return (
      <section aria-label="Chosen device">
        <p class="meta none">Choose a device to see its details.</p>
      </section>
    );
  }
  const isWatched = tree.watched.value.includes(name);
  const kinds = [deviceKind(device), device.classname, device.module && `from ${device.module}`].filter(Boolean);
  return (
    <section class="device-facts" aria-label="Chosen device">
      <h2>
        <span class="call">{name}</span>
      </h2>
      <dl class="facts">
        <Reading name={name} />
        <dt>Kind</dt>
        <dd>{kinds.join(", ")}</dd>
      </dl>
      {tree.canBeRead(name) && (
        <div class="actions">
          <button type="button" onClick={() => tree.watch(name, !isWatched)}>
            {isWatched ? "Stop watching" : "Watch"}
          </button>
          <button type="button" onClick={() => void tree.read([name])}>
            Read again
          </button>
        </div>
      )}
    </section>
  );
}

function Reading({ name }: { name: string }) {
  const model = useModel();
  const reading = model.tree.readings.value.get(name);
  if (!reading) return null;
  const clock = model.clock.peek();
  const { error, last, units, limits, moving, fields, timestamp } = reading;
  if (error !== undefined) {
    return (
      <>
        <dt>Not read</dt>
        <dd class="bad">⚠ {error}</dd>
        {last && (
          <>
            <dt>Last value</dt>
            <dd>
              {readingText(last)} {readingTime(last.timestamp, clock)}
            </dd>
          </>
        )}
      </>
    );
  }
  const facts: [string, string][] = [
    ["Value", [readingText(reading), units].filter(Boolean).join(" ")],
    ["Limits", limitsText(limits) && [limitsText(limits), units].filter(Boolean).join(" ")],
    ["Moving", typeof moving === "boolean" ? (moving ? "yes" : "no") : ""],
    ["Time", readingTime(timestamp, clock)],
    ...Object.entries(fields ?? {}).map(([key, field]): [string, string] => [
      key,
      [readingText(field), field.units].filter(Boolean).join(" "),
    ]),
  ];
  return (
    <>
      {facts
        .filter(([, text]) => text)
        .map(([heading, text]) => (
          <div key={heading}>
            <dt>{heading}</dt>
            <dd>{text}</dd>
          </div>
        ))}
    </>
  );
}

/** The watched devices, whose values are updated as they change. */
function WatchedPanel() {
  const model = useModel();
  const { tree } = model;
  const names = tree.watched.value;
  return (
    <section class="watched" aria-labelledby="watched-title">
      <h2 id="watched-title">Watched</h2>
      {names.length === 0 && (
        <p class="meta none">Nothing yet. The values of watched devices are shown as they change.</p>
      )}
      {names.length > 0 && (
        <table>
          <thead>
            <tr>
              <th>Device</th>
              <th class="n">Value</th>
              <th class="n limits">Limits</th>
              <th class="n">Time</th>
              <td />
            </tr>
          </thead>
          <tbody>
            {names.map((name) => (
              <WatchedRow key={name} name={name} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function WatchedRow({ name }: { name: string }) {
  const model = useModel();
  const { tree } = model;
  const reading = tree.readings.value.get(name);
  const shown = reading?.error === undefined ? reading : (reading.last ?? undefined);
  const clock = model.clock.peek();
  return (
    <tr>
      <td>
        <button type="button" class="quiet call" onClick={() => (tree.current.value = name)}>
          {name}
        </button>
        {reading?.error !== undefined && <div class="bad">⚠ {reading.error}</div>}
      </td>
      <td class="n">
        {reading?.moving && <span class="good">moving </span>}
        <b>{shown ? readingText(shown) : "…"}</b> {reading?.units ?? ""}
      </td>
      <td class="n limits">{limitsText(reading?.limits)}</td>
      <td class="n">{readingTime(shown?.timestamp, clock)}</td>
      <td class="n">
        <button
          type="button"
          class="quiet"
          aria-label={`Stop watching ${name}`}
          onClick={() => tree.watch(name, false)}
        >
          ✕
        </button>
      </td>
    </tr>
  );
}
