import { createDataIntegrityProof, formatInstant, isJsonObject, type JsonObject, parseJson } from '@countersign/proof';
import { ClientError } from '../error.ts';
import { type Device, textIn } from './device.ts';
import { callRealm, challengeOf } from './realm-call.ts';
import { bytesField, bytesIn, type RpcPath } from './rpc.ts';

/**
 * Makes a call whose message is signed by the key that will use the wallet, over a challenge of the realm.
 *
 * @throws {ClientError} with the code of the realm's refusal; `challenge.audience`, `rpc.malformed`, `http.*`
 */
export async function callSigned(
  device: Device,
  path: RpcPath,
  members: { readonly type: string } & JsonObject,
  more: JsonObject = {},
): Promise<JsonObject> {
  const { issuer: audience, key, signer, now } = device;
  const nonce = await challengeOf(device);
  const created = now();
  const document = { ...members, controller: key.did, audience, nonce, created: formatInstant(created) };
  const { verificationMethod } = key;
  const options = { verificationMethod, purpose: 'authentication', created };
  const signed = await createDataIntegrityProof(document, options, signer);
  return callRealm(device, path, { signedRequest: bytesField(signed), ...more });
}

/** The capability that such a call answers with. @throws {ClientError} `rpc.malformed` */
export function capabilityIn(answer: JsonObject): JsonObject {
  const parsed = parseJson(bytesIn(textIn(answer, 'zcap'), 131_072), { maxDepth: 64 });
  if (parsed.ok && isJsonObject(parsed.value)) return parsed.value;
  throw new ClientError('rpc.malformed', 'The capability of the answer is no JSON object.');
}
