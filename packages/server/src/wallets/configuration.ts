import type { JsonObject } from '@countersign/proof';
import type { Context } from '../context.ts';
import type { Realm } from '../subject/realm.ts';
import { agreementFragment } from '../subject/secrets/custody.ts';
import { realmDid } from './realm-did.ts';

export interface Configuration {
  readonly didDocument: JsonObject;
  /** The DID URL of the key that calls are packed to. */
  readonly keyAgreementKeyId: string;
  readonly issuer: string;
  /** The audience of every signed request and invocation. */
  readonly audience: string;
  /** The methods that are taken only packed. */
  readonly packedMethods: string[];
}

/**
 * GetProviderConfiguration: the identity of this realm. The long form of the DID, which proves its document, is in
 * `alsoKnownAs`.
 */
export async function configurationOf(context: Context, realm: Realm): Promise<Configuration> {
  const { peer } = await realmDid(context, realm.name);
  return {
    didDocument: peer.document.json,
    keyAgreementKeyId: peer.short + agreementFragment,
    issuer: realm.issuer,
    audience: realm.issuer,
    packedMethods: [...realm.settings.packedMethods],
  };
}
