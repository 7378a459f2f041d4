/** What a device needs to pack its calls (DIDComm v2), knowing of the realm only what GetConfiguration says. */
import { randomBytes, randomUUID } from 'node:crypto';
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { cryptoPort } from '@countersign/client/node-crypto';
import { dereference, type JsonObject, parseDidDocument, parseDidPeer4 } from '@countersign/proof';
import {
  agreementKey,
  type CallAuthorization,
  didKeyAgreement,
  type NamedAgreementKey,
  packCall,
  unpackAnswer,
} from '@countersign/proof/didcomm';
import { expect } from 'vitest';
import type { Device } from './wallet.ts';

/** The answer of `ProviderService/GetConfiguration`. */
export interface Configuration {
  readonly didDocument: JsonObject;
  readonly keyAgreementKeyId: string;
  readonly audience: string;
}

const seconds = () => Math.floor(Date.now() / 1000);

export async function packing(device: Device, { didDocument, keyAgreementKeyId }: Configuration) {
  const recipient = await recipientOf(didDocument, keyAgreementKeyId);
  const seed = Buffer.from(device.privateKey.export({ format: 'jwk' }).d as string, 'base64url');
  const sender = didKeyAgreement(seed);

  async function pack(method: string, message: Uint8Array, authorization?: CallAuthorization, change: object = {}) {
    const times = { createdTime: seconds(), expiresTime: seconds() + 60 };
    const id = randomUUID();
    const random = (bytes: number) => randomBytes(bytes);
    const sealing = { id, ...times, random, sender, recipient, ...change };
    return { id, packed: await packCall({ method, authorization, message, ...sealing }) };
  }

  const read = (callId: string, method: string, answer: string) =>
    unpackAnswer(answer, {
      callId,
      method,
      sender: recipient.kid.split('#')[0] as string,
      keys: [sender],
      recipient: device.did,
      senderKey: (kid) => (kid === recipient.kid ? recipient.key : undefined),
      now: seconds(),
    });
  return { pack, read, sender, recipient };
}

/** The key must be in the document, and the document must be of the DID: neither is taken on trust. */
async function recipientOf(document: JsonObject, kid: string): Promise<NamedAgreementKey> {
  const [long] = document.alsoKnownAs as readonly string[];
  const peer = await parseDidPeer4(long as string, cryptoPort);
  expect(peer.short).toBe(document.id);
  const method = dereference(parseDidDocument(document, peer.short), kid, 'keyAgreement', Date.now());
  expect(method.publicKey).toEqual(dereference(peer.document, kid, 'keyAgreement', Date.now()).publicKey);
  const result = agreementKey('X25519', method.publicKey);
  if (!result.ok) throw new Error(result.reason);
  return { kid, key: result.key };
}

export function bytesOf<S extends DescMessage>(schema: S, message: MessageInitShape<S>): Uint8Array {
  return toBinary(schema, create(schema, message));
}
