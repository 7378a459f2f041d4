import { parseExactJson } from '@countersign/proof';
import type { z } from 'zod';
import { Problem } from '../kernel/problem.ts';
import type { Call, WireRequest } from './call.ts';

export type MediaType = 'application/json' | 'application/x-www-form-urlencoded';

/** Bytes. */
const maxBody = 1024 * 1024;

/**
 * The exact bytes of the body.
 *
 * @throws {Problem} `request.too_large` before reading more than 1 MiB, `request.invalid` if the caller goes away,
 * `request.media_type` for a body under a content coding: no body is decoded here
 */
export async function readBytes(request: WireRequest): Promise<Uint8Array> {
  if (isEncoded(request.headers.get('content-encoding'))) {
    throw new Problem('request.media_type', { detail: 'Content-Encoding: send the body without a content coding.' });
  }
  try {
    return await read(request);
  } catch (cause) {
    // The error of a socket looks the same for a lost caller and a lost database. Here the caller is the lost one.
    throw cause instanceof Problem
      ? cause
      : new Problem('request.invalid', { detail: 'The body ended too early.', cause });
  }
}

/** RFC 9110 §8.4.1: whether the value of `Content-Encoding` names anything but `identity`. */
export function isEncoded(value: string | null): boolean {
  return (value ?? '').split(',').some((coding) => !['', 'identity'].includes(coding.trim().toLowerCase()));
}

async function read(request: WireRequest): Promise<Uint8Array> {
  const declared = request.headers.get('content-length');
  if (declared !== null) {
    if (Number(declared) > maxBody) throw new Problem('request.too_large');
    // Node enforces the declared length.
    return new Uint8Array(await request.arrayBuffer());
  }
  if (request.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > maxBody) throw new Problem('request.too_large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * The media type of the body without parameters. A `;charset=UTF-8` is fine, and so are the two that older programs
 * write there and that spell ASCII alike. With another charset a filter in front would read another text than this
 * server, which reads UTF-8.
 *
 * @throws {Problem} `request.media_type`
 */
export function requireMediaType(request: WireRequest, accepted: readonly MediaType[]): MediaType {
  const [type, ...parameters] = (request.headers.get('content-type') ?? '').split(';');
  const given = type?.trim().toLowerCase();
  const found = accepted.find((one) => one === given);
  if (found === undefined || parameters.some(namesOtherCharset))
    throw new Problem('request.media_type', { detail: `Send the body as ${accepted.join(' or ')}, in UTF-8.` });
  return found;
}

function namesOtherCharset(parameter: string): boolean {
  const [, charset] = /^\s*charset\s*=\s*"?([^"]*?)"?\s*$/i.exec(parameter) ?? [];
  return charset !== undefined && !/^(?:utf-?8|us-ascii|iso-8859-1)$/i.test(charset.trim());
}

/**
 * Parses strict JSON (no duplicate members, bounded depth, no number that would be rounded) and applies the schema. A
 * refusal names the member by its JSON pointer. If the body is optional, an empty one means `{}`, whatever its media
 * type.
 */
export async function readBody<S extends z.ZodType>(call: Call, schema: S, optional: boolean): Promise<z.output<S>> {
  if (!optional) requireMediaType(call.request, ['application/json']);
  const bytes = await call.bytes();
  if (optional && bytes.length === 0) return validate(schema, {});
  if (optional) requireMediaType(call.request, ['application/json']);
  return validate(schema, parseJsonBody(bytes));
}

export function parseJsonBody(bytes: Uint8Array): unknown {
  const parsed = parseExactJson(bytes, { maxBytes: maxBody, maxDepth: 32 });
  if (parsed.ok) return parsed.value;
  const { reason, pointer } = parsed;
  if (reason === 'duplicate_member')
    throw new Problem('request.duplicate_member', { detail: `${pointer} occurs twice.`, pointer });
  throw new Problem('request.invalid', {
    detail: `The body is not acceptable JSON (${reason}${pointer === '' ? '' : ` at ${pointer}`}).`,
    pointer,
  });
}

export function validate<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const pointer = jsonPointer(issue?.path ?? []);
  throw new Problem('request.invalid', {
    detail: `${pointer === '' ? 'The body' : pointer}: ${issue?.message ?? 'is not valid'}.`,
    pointer,
  });
}

/** RFC 6901. */
function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
