/** Converts history filters between the page, its address, and the service. */

import type { Params } from "../source/source";
import type { Clock } from "../words/status";

export interface HistoryFilter {
  /** Words to find in names, parameters, metadata and messages. */
  find: string;
  /** The plan's name, or a pattern such as `*scan`. */
  plan: string;
  user: string;
  /** One of `STATUSES`; empty for all. */
  status: string;
  /** Number of hours before now, as text; empty if `from` and `to` apply. */
  hours: string;
  /** Times in the beamline's time zone, such as `2026-11-30T14:00`. */
  from: string;
  to: string;
  scan: string;
  /** Metadata keys, each with a pattern for its value. */
  meta: readonly (readonly [string, string])[];
}

export const NO_FILTER: HistoryFilter = {
  find: "",
  plan: "",
  user: "",
  status: "",
  hours: "",
  from: "",
  to: "",
  scan: "",
  meta: [],
};
type Plain = Exclude<keyof HistoryFilter, "meta">;
const PLAIN = Object.keys(NO_FILTER).filter((key) => key !== "meta") as Plain[];
/** The prefix of metadata keys in the address. */
const META = "md.";

/** The ways in which a plan can end, by name in the address, each with the value for the service and a title. */
export const STATUSES: Record<string, { exit_status: string | string[]; title: string }> = {
  bad: { exit_status: ["failed", "aborted", "halted"], title: "failed, aborted or halted" },
  failed: { exit_status: "failed", title: "failed" },
  aborted: { exit_status: "aborted", title: "aborted" },
  halted: { exit_status: "halted", title: "halted" },
  completed: { exit_status: "completed", title: "completed" },
  stopped: { exit_status: "stopped", title: "stopped" },
};

/** Read the filter from an address. */
export function filterOf(query: URLSearchParams): HistoryFilter {
  const plain = Object.fromEntries(PLAIN.map((key) => [key, query.get(key) ?? ""])) as Record<Plain, string>;
  const meta = [...query].filter(([key]) => key.startsWith(META)).map(([key, value]) => [key.slice(3), value] as const);
  return { ...plain, meta };
}

/** Write the filter for an address. */
export function queryOf(filter: HistoryFilter): Record<string, string> {
  const plain = PLAIN.map((key) => [key, filter[key]] as const);
  const meta = filter.meta.filter(([key]) => key).map(([key, value]) => [META + key, value || "*"] as const);
  return Object.fromEntries([...plain, ...meta].filter(([, value]) => value));
}

export type HistoryQuery = Omit<Params<"history_get">, "limit" | "before">;

/** The filter as request parameters. */
export function paramsOf(filter: HistoryFilter, { now, zone }: Clock): HistoryQuery {
  const hours = Number(filter.hours);
  const since = hours > 0 ? now - hours * 3600 : zone.epoch(filter.from);
  const until = hours > 0 ? null : zone.epoch(filter.to);
  const meta = filter.meta.filter(([key]) => key).map(([key, value]) => [key, value || "*"]);
  const status = STATUSES[filter.status];
  return {
    ...(filter.find.trim() ? { search: filter.find.trim() } : {}),
    ...(filter.plan.trim() ? { name: filter.plan.trim() } : {}),
    ...(filter.user.trim() ? { user: filter.user.trim() } : {}),
    ...(status ? { exit_status: status.exit_status } : {}),
    ...(since === null ? {} : { since }),
    ...(until === null ? {} : { until }),
    ...(/^\d+$/.test(filter.scan.trim()) ? { scan_id: Number(filter.scan) } : {}),
    ...(meta.length > 0 ? { metadata: Object.fromEntries(meta) } : {}),
  };
}
