import * as v from 'valibot';
import type { ContainerId } from '../model/brands.ts';
import { engineMessage, takeAnswer } from './engine-answers.ts';
import type { EngineClient } from './engine-client.ts';
import type { RemoveOutcome } from './runtime.ts';

/** `GET /containers/{id}/json` */
const containerDetails = v.object({
  State: v.object({ Status: v.string(), FinishedAt: v.string() }),
  HostConfig: v.object({
    RestartPolicy: v.optional(v.object({ Name: v.string() }), { Name: '' }),
    AutoRemove: v.optional(v.boolean(), false),
  }),
});

/** `Runtime.readEnd()` of Docker and Podman. */
export async function readContainerEnd(client: EngineClient, id: ContainerId): Promise<string | null> {
  const answer = await client.call('GET', `/containers/${encodeURIComponent(id)}/json`);
  if (answer.status === 404) return null;
  const { State, HostConfig } = takeAnswer(containerDetails, answer);
  const isAlone = ['', 'no'].includes(HostConfig.RestartPolicy.Name) && !HostConfig.AutoRemove;
  return State.Status === 'exited' && isAlone ? State.FinishedAt : null;
}

/** `Runtime.removeContainer()` of Docker and Podman. Podman 4.3 says 500 of one that runs. */
export async function removeEndedContainer(client: EngineClient, id: ContainerId): Promise<RemoveOutcome> {
  const answer = await client.call('DELETE', `/containers/${encodeURIComponent(id)}?v=false&force=false`);
  if (answer.status === 204 || answer.status === 200) return { kind: 'done', isImageDeleted: false, deletedLayers: null };
  if (answer.status === 404) return { kind: 'gone' };
  const message = engineMessage(answer);
  return { kind: answer.status === 409 || /\b(?:is|are) running\b|running or paused/.test(message) ? 'in-use' : 'failed', message };
}
