import * as v from 'valibot';
import type { Inventory } from '../../model/inventory.ts';
import { engineMessage, takeAnswer } from '../engine-answers.ts';
import type { DockerClient } from './docker-client.ts';

const services = v.array(
  v.object({
    Spec: v.object({
      Name: v.string(),
      TaskTemplate: v.object({ ContainerSpec: v.nullish(v.object({ Image: v.optional(v.string(), '') })) }),
    }),
  }),
);

/**
 * What the services of a swarm need, whether or not a task of theirs runs here now. Only a manager knows them; any other engine answers that
 * it is none.
 */
export async function readServices(client: DockerClient): Promise<Pick<Inventory, 'workloads' | 'doubts'>> {
  const answer = await client.call('GET', '/services');
  if (answer.status === 503 || answer.status === 404) return { workloads: [], doubts: [] };
  if (answer.status !== 200) {
    const message = `what the services of this swarm need is not known: ${engineMessage(answer)}`;
    return { workloads: [], doubts: [{ kind: 'protected-unknown', message }] };
  }
  const workloads = takeAnswer(services, answer).flatMap(({ Spec }) => {
    const pattern = Spec.TaskTemplate.ContainerSpec?.Image ?? '';
    return pattern === '' ? [] : [{ pattern, by: `swarm service ${Spec.Name}` }];
  });
  return { workloads, doubts: [] };
}
