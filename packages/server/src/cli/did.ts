import { cryptoPort } from '@countersign/client/node-crypto';
import {
  type DidDocument,
  isDidPeer4,
  isShortDidPeer4,
  parseDidDocument,
  parseDidWeb,
  parseJson,
  resolveDid,
  verificationRelationships,
} from '@countersign/proof';
import type { Command } from 'commander';
import { print, printDocument } from './output.ts';

const maxBytes = 65_536;

export function didCommands(program: Command): void {
  const did = program.command('did').description('DIDs: did:key, did:peer 2 and 4, did:web.');
  did
    .command('resolve <did>')
    .description('Show the document of a DID. A did:web is fetched; all others carry it themselves.')
    .action(async (name: string) => {
      printDocument((await resolveDid(name, { crypto: cryptoPort, known: fetched })).json);
    });
  did
    .command('inspect <did>')
    .description('Show the method of a DID, its keys, and the purpose of each. Nothing is fetched.')
    .action(async (name: string) => print(await inspected(name)));
}

async function inspected(did: string): Promise<object> {
  if (did.startsWith('did:web:')) return { method: 'did:web', document: parseDidWeb(did).url };
  const method = did.split(':', 2).join(':');
  if (isDidPeer4(did) && isShortDidPeer4(did)) {
    return { method, form: 'short', note: 'The keys are in the long form, which the user of this DID has shown.' };
  }
  const document = await resolveDid(did, { crypto: cryptoPort });
  return { method, did: document.id, keys: keysOf(document) };
}

function keysOf({ verificationMethods, relationships }: DidDocument): readonly object[] {
  return [...verificationMethods.values()].map(({ id, keyType, multikey }) => {
    return { id, keyType, multikey, purposes: verificationRelationships.filter((name) => relationships[name].has(id)) };
  });
}

/** Over TLS, without following redirects, and no more bytes than a document may have. */
async function fetched(did: string): Promise<DidDocument | undefined> {
  if (!did.startsWith('did:web:')) return undefined;
  const { url } = parseDidWeb(did);
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(10_000) }).catch((cause) => {
    throw new Error(`${url} cannot be reached.`, { cause });
  });
  if (response.status !== 200) throw new Error(`${url} answers with status ${response.status}.`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > maxBytes) throw new Error(`${url} answers with more than ${maxBytes} bytes.`);
    chunks.push(chunk);
  }
  const parsed = parseJson(Buffer.concat(chunks));
  if (!parsed.ok) throw new Error(`${url} does not answer with strict JSON.`);
  return parseDidDocument(parsed.value, did);
}
