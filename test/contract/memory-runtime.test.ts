import { openMemoryWorld } from './memory-world.ts';
import { describeRuntimeContract } from './runtime-contract.ts';

describeRuntimeContract('the memory engine', openMemoryWorld);
