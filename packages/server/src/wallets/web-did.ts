import { cryptoPort } from '@countersign/client/node-crypto';
import { didWebOf, type JsonObject, ProofError, parseDidPeer4 } from '@countersign/proof';
import type { Context } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import type { Realm } from '../subject/realm.ts';
import { walletIdOf } from './target.ts';
import { findWallet } from './wallet.store.ts';

/**
 * The did:web of an organization: `did:web:{host}:realms:{realm}:dids:{id}`. By the rules of did:web its document is at
 * `https://{host}/realms/{realm}/dids/{id}/did.json`. It has the keys of the did:peer:4, under its own name.
 */
export function webDidOf({ config }: Context, realm: Realm, walletId: string): string {
  const { host } = new URL(config.publicUrl);
  try {
    return didWebOf(host, ['realms', realm.name, 'dids', walletId]).did;
  } catch (cause) {
    if (!(cause instanceof ProofError)) throw cause;
    const detail = 'The public URL of this server has no host name that a did:web could have.';
    throw new Problem('request.invalid', { detail, cause, pointer: 'did_web' });
  }
}

/** @throws {Problem} `request.not_found` if the wallet has no such DID */
export async function webDidDocument(context: Context, realm: Realm, id: string): Promise<JsonObject> {
  const row = walletIdOf(id) === id ? await findWallet(context.store.db, realm.name, id) : undefined;
  if (row?.web_did == null || row.owner_long_did === null) throw new Problem('request.not_found');
  const { document, short } = await parseDidPeer4(row.owner_long_did, cryptoPort);
  const methods = document.json.verificationMethod as readonly JsonObject[];
  const did = row.web_did;
  return {
    ...document.json,
    verificationMethod: methods.map((method) => ({ ...method, controller: did })),
    id: did,
    alsoKnownAs: [short],
  };
}
