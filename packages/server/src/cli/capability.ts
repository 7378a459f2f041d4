import { cryptoPort } from '@countersign/client/node-crypto';
import {
  createRootCapability,
  type DidDocument,
  explainCapability,
  isCanonicalTarget,
  keyResolver,
  parseDidDocument,
  parseDidPeer4,
} from '@countersign/proof';
import type { Command } from 'commander';
import { readJsonFile } from '../json-file.ts';
import { readBytesFile } from '../kernel/text-file.ts';
import { explanationText, refusalsIn } from './capability-text.ts';
import { print } from './output.ts';

interface ExplainOptions {
  readonly owner?: string;
  readonly json?: true;
}

export function capabilityCommands(program: Command): void {
  program
    .command('capability')
    .description('Explain capabilities and their invocations, offline.')
    .command('explain <file>')
    .description('Show each link, what it allows, and why it would be refused; exit code 1 if it would be refused.')
    .option('--owner <file>', 'the DID document of the owner, who signs the first link (countersign wallet owner)')
    .option('--json', 'as JSON')
    .action(explain);
}

async function explain(file: string, { owner: path, json }: ExplainOptions): Promise<void> {
  const presented = readBytesFile(file);
  const owner = path === undefined ? undefined : await ownerIn(path);
  const now = Date.now();
  const known = (did: string) => (did === owner?.id ? owner : undefined);
  const terms = { crypto: cryptoPort, now, resolve: keyResolver({ crypto: cryptoPort, known }, now) };
  const first = await explainCapability(presented, terms);
  const target = first.links[0]?.target;
  const hasRoot = owner !== undefined && target !== undefined && isCanonicalTarget(target);
  const root = hasRoot ? createRootCapability(target, owner.id) : undefined;
  const explained = root === undefined ? first : await explainCapability(presented, { ...terms, root });
  const refusals = refusalsIn(explained, owner !== undefined);
  if (refusals.length > 0) process.exitCode = 1;
  if (json === true) print(explained);
  else process.stdout.write(explanationText(explained, owner !== undefined));
}

/** A did:peer:4 proves its document by the long form in it. The file of another DID is believed. */
async function ownerIn(path: string): Promise<DidDocument> {
  const document = readJsonFile(path, '--owner');
  const { id, alsoKnownAs } = document;
  if (typeof id !== 'string') throw new Error(`${path} is not a DID document.`);
  const names: readonly unknown[] = Array.isArray(alsoKnownAs) ? alsoKnownAs : [];
  const long = names.find((name): name is string => typeof name === 'string' && name.startsWith(`${id}:`));
  if (id.startsWith('did:peer:4') && long !== undefined) return (await parseDidPeer4(long, cryptoPort)).document;
  return parseDidDocument(document, id);
}
