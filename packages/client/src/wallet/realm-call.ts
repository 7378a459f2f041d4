import type { JsonObject } from '@countersign/proof';
import { ClientError } from '../error.ts';
import { type Device, textIn } from './device.ts';
import { type RpcPath, serialized } from './rpc.ts';
import { callPacked, type Prove } from './tunnel.ts';

const unproved: Prove = async () => ({});
/** The methods that a realm was found to take only packed. */
const packed = new WeakMap<Device, Set<string>>();

/**
 * One unary call. If the realm takes the method only packed, it is packed, this time and from then on.
 *
 * @throws {ClientError} with the code of the realm's refusal
 */
export async function callRealm(
  device: Device,
  path: RpcPath,
  request: JsonObject,
  prove: Prove = unproved,
): Promise<JsonObject> {
  const known = packed.get(device) ?? new Set();
  packed.set(device, known);
  if (!known.has(path)) {
    const message = serialized(request);
    try {
      return await device.call(path, message, await prove(message));
    } catch (refusal) {
      if (!(refusal instanceof ClientError && refusal.code === 'packed.required')) throw refusal;
      known.add(path);
    }
  }
  return callPacked(device, path, request, prove);
}

/**
 * Gets a nonce of the realm for one signature. The challenge must name the expected realm: otherwise the server could use the
 * signature at another realm.
 *
 * @throws {ClientError} `challenge.audience`, `rpc.malformed`
 */
export async function challengeOf(device: Device): Promise<string> {
  const { issuer } = device;
  const answer = await callRealm(device, '/countersign.v1.AuthService/GetChallenge', {});
  if (answer.audience !== issuer) {
    throw new ClientError('challenge.audience', `The server at ${issuer} speaks for another realm.`);
  }
  return textIn(answer, 'nonce');
}
