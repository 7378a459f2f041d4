import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadConfig } from '../config.ts';
import { credentialsDir } from '../credentials.ts';
import { readJsonFile } from '../json-file.ts';
import { Problem } from '../kernel/problem.ts';

/**
 * The session that `countersign login` opened. Only its owner can read the file, and `countersign logout` deletes it.
 */
export interface SessionFile {
  readonly url: string;
  readonly realm: string;
  readonly token: string;
  readonly credentialId: string;
}

export interface SessionOptions {
  readonly session?: string;
}

export function sessionPath({ session }: SessionOptions): string {
  return session ?? join(credentialsDir(loadConfig(process.env).config), 'session.json');
}

export function writeSession(path: string, session: SessionFile): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  rmSync(path, { force: true });
  writeFileSync(path, `${JSON.stringify(session, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
}

export function readSession(path: string): SessionFile {
  if (!existsSync(path))
    throw new Problem('config.invalid', { detail: `There is no session: ${path} is not there. Log in first.` });
  return readJsonFile(path, '--session') as unknown as SessionFile;
}

export function removeSession(path: string): void {
  rmSync(path, { force: true });
}
