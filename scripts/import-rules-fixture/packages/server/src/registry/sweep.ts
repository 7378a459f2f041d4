import { start } from '../jobs/start.ts';

export const sweep = start;
