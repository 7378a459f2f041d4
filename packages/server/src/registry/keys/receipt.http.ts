import { cryptoPort } from '@countersign/client/node-crypto';
import { encodeBase64url } from '@countersign/proof';
import { z } from 'zod';
import { bearer } from '../../callers/bearer.ts';
import { anybodyInRealm } from '../../callers/realm.ts';
import { hasVersion, notModified } from '../../http/conditional.ts';
import { json } from '../../http/render.ts';
import { type Asked, type Route, route } from '../../route.ts';
import type { Realm } from '../../subject/realm.ts';
import { jwksMaxAge, publishedReceiptKeys, signingKeys } from '../../subject/tokens/signing-key.ts';
import { issueReceipt, receiptSchema } from './receipt.ts';
import { requireParty } from './signature-check.ts';

const common = { tag: 'Messages' } as const;

export const routes: readonly Route[] = [
  route({
    ...common,
    method: 'POST',
    path: '/realms/:realm/receipts',
    operationId: 'issueReceipt',
    summary: 'A receipt of a message whose signature is good now, to be kept beside the message. For its two parties.',
    caller: bearer,
    body: receiptSchema,
    answers: { 200: z.object({ receipt: z.string() }) },
    handle: async ({ context, who: { realm, subject }, body }) => ({
      receipt: await issueReceipt(context, realm, requireParty(subject), body),
    }),
  }),
  route({
    ...common,
    method: 'GET',
    path: '/realms/:realm/receipts/certs',
    operationId: 'getReceiptCertificates',
    summary:
      'All keys that receipts of the realm were ever signed with. Keep them: receipts are checked with them alone.',
    caller: anybodyInRealm,
    answers: {
      200: z.object({ issuer: z.string(), keys: z.array(z.looseObject({ kid: z.string() })) }),
      304: 'Not modified.',
    },
    handle: certs,
  }),
];

async function certs({ context, call, who: { name, issuer } }: Asked<Realm>): Promise<Response> {
  const set = { issuer, keys: publishedReceiptKeys(await signingKeys(context, name)) };
  const digest = cryptoPort.sha256(new TextEncoder().encode(JSON.stringify(set)));
  const headers = { etag: `"${encodeBase64url(digest)}"`, 'cache-control': `public, max-age=${jwksMaxAge}` };
  return hasVersion(call.request, headers.etag) ? notModified(headers) : json(200, set, headers);
}
