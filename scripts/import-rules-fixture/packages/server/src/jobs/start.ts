import { command } from '../cli/command.ts';

export const start = command;
