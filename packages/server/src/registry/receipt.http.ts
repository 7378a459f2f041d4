import { cryptoPort } from '@countersign/client/node-crypto';
import { encodeBase64url } from '@countersign/proof';
import { z } from 'zod';
import { authenticateBearer } from '../http/authenticate.ts';
import { readJson } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { hasVersion, notModified } from '../http/conditional.ts';
import { json } from '../http/render.ts';
import type { Route } from '../http/route.ts';
import { jwksMaxAge, publishedReceiptKeys, signingKeys } from '../subject/signing-key.ts';
import { issueReceipt, receiptSchema } from './receipt.ts';
import { requireParty } from './signature-check.ts';

const common = { tag: 'Messages', refusals: 'problem' } as const;

export const routes: readonly Route[] = [
  {
    ...common,
    method: 'POST',
    path: '/realms/:realm/receipts',
    operationId: 'issueReceipt',
    summary: 'A receipt of a message whose signature is good now, to be kept beside the message. For its two parties.',
    security: 'bearer',
    body: { schema: receiptSchema, mediaTypes: ['application/json'] },
    responses: { 200: z.object({ receipt: z.string() }) },
    handle: issue,
  },
  {
    ...common,
    method: 'GET',
    path: '/realms/:realm/receipts/certs',
    operationId: 'getReceiptCertificates',
    summary:
      'All keys that receipts of the realm were ever signed with. Keep them: receipts are checked with them alone.',
    security: 'none',
    responses: {
      200: z.object({ issuer: z.string(), keys: z.array(z.looseObject({ kid: z.string() })) }),
      304: 'Not modified.',
    },
    handle: certs,
  },
];

async function issue(call: Call): Promise<Response> {
  const party = requireParty(await authenticateBearer(call));
  const presented = await readJson(call, receiptSchema);
  const receipt = await issueReceipt(call.context, await call.realm(), party, presented);
  return json(200, { receipt });
}

async function certs(call: Call): Promise<Response> {
  const { name, issuer } = await call.realm();
  const set = { issuer, keys: publishedReceiptKeys(await signingKeys(call.context, name)) };
  const digest = cryptoPort.sha256(new TextEncoder().encode(JSON.stringify(set)));
  const headers = { etag: `"${encodeBase64url(digest)}"`, 'cache-control': `public, max-age=${jwksMaxAge}` };
  return hasVersion(call.request, headers.etag) ? notModified(headers) : json(200, set, headers);
}
