import { readFileSync } from 'node:fs';
import type { PrivateJwk } from '@countersign/client';
import { Problem } from '../kernel/problem.ts';

/** What a file holds that an option names. Throws {Problem} `config.invalid`, naming the option. */
export function readText(path: string, option: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new Problem('config.invalid', `${option}: ${path} cannot be read.`, { cause });
  }
}

/** What the parser says of a file might quote a key. */
export function readJson(path: string, option: string): PrivateJwk {
  const text = readText(path, option);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as PrivateJwk;
  } catch {}
  throw new Problem('config.invalid', `${option}: ${path} is not a JSON object.`);
}
