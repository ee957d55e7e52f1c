import { ALL_FEATURES } from './contract-world.ts';
import { openMemoryWorld } from './memory-world.ts';
import { describeRuntimeContract } from './runtime-contract.ts';

describeRuntimeContract('the memory engine', ALL_FEATURES, openMemoryWorld);
