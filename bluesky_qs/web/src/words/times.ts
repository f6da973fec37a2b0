/** Times and durations, in the prompt's words. */

/** `0.4 s`, `12 s`, `3 min 20 s`, `2 h 05 min`, `3 d 4 h`. */
export function lengthOfTime(seconds: number): string {
  if (seconds < 10) return `${Math.max(seconds, 0).toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/** `about 12 s`, where `length` is the text for the seconds; `less than 0.1 s` in place of `about 0.0 s`. */
export function about(seconds: number, length = lengthOfTime(seconds)): string {
  return seconds >= 0.05 ? `about ${length}` : "less than 0.1 s";
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** The beamline's time zone, as its offset from UTC in seconds. */
export class Zone {
  constructor(private readonly offset: number) {}

  /** Derive the zone from the local time in a status, and the same time in seconds since 1970. */
  static of(local: string, epoch: number): Zone {
    const parts = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)/.exec(local);
    if (!parts) return new Zone(-new Date(epoch * 1000).getTimezoneOffset() * 60);
    const [year, month, day, hour, minute, second] = parts.slice(1).map(Number) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const difference = Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - epoch;
    return new Zone(Math.round(difference / 900) * 900); // zones differ by quarters of an hour
  }

  /** `14:03:22` today, `21 Nov 14:03` this year, `2024-11-21 14:03` in earlier years. */
  moment(epoch: number, now: number): string {
    const then = this.date(epoch);
    const today = this.date(now);
    const clock = `${two(then.getUTCHours())}:${two(then.getUTCMinutes())}`;
    if (then.toISOString().slice(0, 10) === today.toISOString().slice(0, 10)) {
      return `${clock}:${two(then.getUTCSeconds())}`;
    }
    if (then.getUTCFullYear() !== today.getUTCFullYear()) return `${then.toISOString().slice(0, 10)} ${clock}`;
    return `${two(then.getUTCDate())} ${MONTHS[then.getUTCMonth()]} ${clock}`;
  }

  /** `14:03` today, `21 Nov 14:03` on another day. */
  clock(epoch: number, now: number): string {
    const then = this.date(epoch);
    const clock = `${two(then.getUTCHours())}:${two(then.getUTCMinutes())}`;
    if (then.toISOString().slice(0, 10) === this.date(now).toISOString().slice(0, 10)) return clock;
    return `${two(then.getUTCDate())} ${MONTHS[then.getUTCMonth()]} ${clock}`;
  }

  /** The time in a date-and-time field, which is in the beamline's time zone: `2026-11-30T14:00`. Null if empty. */
  epoch(local: string): number | null {
    const parsed = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?$/.test(local) ? Date.parse(`${whole(local)}Z`) : Number.NaN;
    return Number.isNaN(parsed) ? null : parsed / 1000 - this.offset;
  }

  /** The last multiple of a step of seconds in the beamline's time zone, for example midnight if the step is a day. */
  before(epoch: number, step: number): number {
    return Math.floor((epoch + this.offset) / step) * step - this.offset;
  }

  /** `2026-11-30 14:00:05`, for files. */
  text(epoch: number): string {
    return this.date(epoch).toISOString().slice(0, 19).replace("T", " ");
  }

  private date(epoch: number): Date {
    return new Date((Math.floor(epoch) + this.offset) * 1000);
  }
}

/** `1 plan`, `3 plans`, `no plans`. */
export function plural(count: number, noun: string): string {
  return `${count || "no"} ${noun}${count === 1 ? "" : "s"}`;
}

function whole(local: string): string {
  return local.length === 10 ? `${local}T00:00` : local;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}
