import { durationMs, wallMs } from '../../src/model/brands.ts';
import type { ClockReading } from '../../src/model/clock.ts';
import { DAY_MS, NOW_MS } from '../worlds/world.ts';
import type { WallJump } from './step.ts';

/** One moment as it really was. */
export interface Moment {
  readonly trueMs: number;
  /** Time with the host on, over all boots; suspended time included. */
  readonly onMs: number;
}

const YEAR_MS = 365.25 * DAY_MS;
const JUMPS: Readonly<Record<Exclude<WallJump, '1970' | 'true'>, number>> = {
  '+50y': 50 * YEAR_MS,
  '-50y': -50 * YEAR_MS,
  '-10y': -10 * YEAR_MS,
  '+8d': 8 * DAY_MS,
  '-1h': -3_600_000,
};

/** The clocks of a host, and the true time beside them, which nothing on the host can read. */
export class HostClock {
  boot = 1;
  uptimeMs = 10 * DAY_MS;
  suspendedMs = 0;
  wall = NOW_MS;
  isSynchronised = true;
  /** Whether the wall clock ever called itself synchronised while it was wrong. */
  hasLied = false;
  #trueMs = 0;
  #onMs = 0;

  now(): Moment {
    return { trueMs: this.#trueMs, onMs: this.#onMs };
  }

  read(): ClockReading {
    const { boot, uptimeMs, suspendedMs, wall, isSynchronised } = this;
    if (isSynchronised && wall !== this.#trueWall()) this.hasLied = true;
    const [bootTimeMs, suspended] = [durationMs(uptimeMs), durationMs(suspendedMs)];
    return { bootId: `boot-${boot}`, bootTimeMs, suspendedMs: suspended, wallMs: wallMs(wall), isSynchronised };
  }

  pass(ms: number): void {
    this.#trueMs += ms;
    this.#onMs += ms;
    this.uptimeMs += ms;
    this.wall += ms;
  }

  sleep(ms: number): void {
    this.pass(ms);
    this.suspendedMs += ms;
  }

  /** @param clock what the wall clock does while the power is off */
  reboot(offMs: number, clock: 'kept' | 'stopped' | '1970'): void {
    this.#trueMs += offMs;
    this.boot += 1;
    this.uptimeMs = 0;
    this.suspendedMs = 0;
    if (clock === 'kept') this.wall += offMs;
    if (clock === '1970') this.wall = 0;
    if (clock !== 'kept') this.isSynchronised = false;
  }

  /** @param isLying the clock goes on calling itself synchronised */
  jump(to: WallJump, isLying: boolean): void {
    this.wall = to === 'true' ? this.#trueWall() : to === '1970' ? 0 : this.wall + JUMPS[to];
    if (!isLying && this.wall !== this.#trueWall()) this.isSynchronised = false;
  }

  /** @param isLying it is not set right for it */
  synchronise(isSo: boolean, isLying: boolean): void {
    if (isSo && !isLying) this.wall = this.#trueWall();
    this.isSynchronised = isSo;
  }

  #trueWall(): number {
    return NOW_MS + this.#trueMs;
  }
}
