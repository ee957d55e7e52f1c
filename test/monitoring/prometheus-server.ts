/** A Prometheus of a test's own, with the alert rules that are shipped. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../code/project-files.ts';
import { freePort } from '../worlds/served-daemon.ts';

export const ALERT_RULES: string = join(PROJECT_ROOT, 'packaging/prometheus/imagegc-alerts.yml');

const absent = ['prometheus', 'promtool'].filter((program) => spawnSync(program, ['--version']).status !== 0);
/** What a test says that cannot run without it; false where it is there. */
export const PROMETHEUS_MISSING: string | false = absent.length === 0 ? false : `missing: ${absent.join(', ')} (Debian package prometheus)`;

/** One that runs for a test. */
export interface Prometheus extends AsyncDisposable {
  readonly address: string;
}

/**
 * Starts it; it scrapes and judges each second.
 *
 * @param targets addresses of daemons
 * @param rules a file of alert rules
 */
export async function startPrometheus(targets: readonly string[], rules: string = ALERT_RULES): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'prometheus-'));
  const config = join(folder, 'prometheus.yml');
  const list = targets.map((target) => `'${target.replace('http://', '')}'`).join();
  const job = `  - { job_name: imagegc, static_configs: [{ targets: [${list}] }] }`;
  writeFileSync(config, `global: { scrape_interval: 1s, evaluation_interval: 1s }\nrule_files: ['${rules}']\nscrape_configs:\n${job}\n`);
  const address = `127.0.0.1:${await freePort()}`;
  const words = [`--config.file=${config}`, `--storage.tsdb.path=${folder}/data`, `--web.listen-address=${address}`, '--log.level=error'];
  const child = spawn('prometheus', words, { stdio: 'ignore' });
  const ended = once(child, 'exit');
  return {
    address: `http://${address}`,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** @param path of its API */
export async function askPrometheus({ address }: Prometheus, path: string): Promise<unknown> {
  return (await fetch(`${address}${path}`)).json();
}
