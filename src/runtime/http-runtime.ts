import * as v from 'valibot';
import type { ContainerId, ImageId } from '../model/brands.ts';
import type { ContainerLookup } from './container-survey.ts';
import { engineMessage, refusal, takeAnswer } from './engine-answers.ts';
import type { EngineClient } from './engine-client.ts';
import { useOf } from './image-names.ts';
import type { ContainerUse, ImageNames, RemoveOutcome } from './runtime.ts';

/** `GET /containers/{id}/json` */
const containerDetails = v.object({
  State: v.object({ Status: v.string(), FinishedAt: v.string() }),
  HostConfig: v.object({
    RestartPolicy: v.optional(v.object({ Name: v.string() }), { Name: '' }),
    AutoRemove: v.optional(v.boolean(), false),
  }),
});

/** An image that was asked for by one of its names, or by its ID. */
export interface NamedImage {
  readonly id: ImageId;
  readonly names: ImageNames;
}

/** What Docker and Podman have in common: their calls for containers, in which Podman follows Docker. */
export abstract class HttpRuntime<Client extends EngineClient> {
  protected readonly client: Client;
  protected abstract readonly containers: ContainerLookup;
  /** @returns null when there is no such image */
  protected abstract find(nameOrId: string): Promise<NamedImage | null>;

  constructor(client: Client) {
    this.client = client;
  }

  async listContainers(): Promise<readonly ContainerUse[]> {
    const { containers, doubts } = await this.containers.survey();
    return containers.map((container) => useOf(container, !doubts.has(container.id)));
  }

  async readNames(id: ImageId): Promise<ImageNames | null> {
    return (await this.find(id))?.names ?? null;
  }

  async resolveName(reference: string): Promise<ImageId | null> {
    return (await this.find(reference))?.id ?? null;
  }

  async ping(): Promise<void> {
    const answer = await this.client.call('HEAD', '/_ping');
    if (answer.status !== 200) throw refusal(answer);
  }

  async readEnd(id: ContainerId): Promise<string | null> {
    const answer = await this.client.call('GET', `/containers/${encodeURIComponent(id)}/json`);
    if (answer.status === 404) return null;
    const { State, HostConfig } = takeAnswer(containerDetails, answer);
    const isAlone = ['', 'no'].includes(HostConfig.RestartPolicy.Name) && !HostConfig.AutoRemove;
    return State.Status === 'exited' && isAlone ? State.FinishedAt : null;
  }

  /** Podman 4.3 says 500 of one that runs. */
  async removeContainer(id: ContainerId): Promise<RemoveOutcome> {
    const answer = await this.client.call('DELETE', `/containers/${encodeURIComponent(id)}?v=false&force=false`);
    if (answer.status === 204 || answer.status === 200) return { kind: 'done', isImageDeleted: false, deletedLayers: null };
    if (answer.status === 404) return { kind: 'gone' };
    const message = engineMessage(answer);
    return { kind: answer.status === 409 || /\b(?:is|are) running\b|running or paused/.test(message) ? 'in-use' : 'failed', message };
  }

  close(): void {
    this.client.close();
  }
}
