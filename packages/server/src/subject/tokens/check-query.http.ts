/**
 * The query of the check for proxies. A proxy's configuration is easily wrong in a way that lets everybody in, so it is read strictly:
 * an unknown, a repeated or an empty parameter is refused.
 *
 * Some proxies can only append the target of the original request. So `target` comes last, and everything after it is the caller's
 * and not read: otherwise the caller could add parameters.
 */
import { z } from 'zod';
import { validate } from '../../http/body.ts';
import { Problem } from '../../kernel/problem.ts';

/** RFC 6749 §3.3. A challenge quotes it, so nothing else may be in it. */
const scopeToken = z.string().regex(/^[\x21\x23-\x5B\x5D-\x7E]+$/, 'must hold scopes with one space between two');
const words = <Word extends string>(one: z.ZodType<Word>) =>
  z.preprocess((text) => String(text).split(' '), z.array(one));
const kinds = ['participant', 'client', 'credential', 'wallet'] as const;

const schema = z.strictObject({
  audience: z.string('is required').min(1, 'must not be empty').max(2_048),
  scope: words(scopeToken).default([]),
  role: words(z.string().min(1, 'must hold roles with one space between two')).optional(),
  accept: words(z.enum(kinds)).default(['participant', 'client']),
  status: z.enum(['200', '204']).default('204'),
});

/** For the description: the check itself reads the query of the target. */
export const describedQuery = z.object({
  audience: z.string().describe('The name of the API in `aud`.'),
  scope: z.string().optional().describe('The scopes that the token must have, all of them, with spaces between them.'),
  role: z.string().optional().describe('The roles of which the subject must have one, with spaces between them.'),
  accept: z
    .string()
    .optional()
    .describe(`Kinds of subjects: ${kinds.join(', ')}. Default: participant client.`),
  status: z.string().optional().describe('`200` for proxies that take no other answer for a yes. Default 204.'),
  target: z.string().optional().describe('Comes last. It and everything after it is not read.'),
});

/** @throws {Problem} `request.invalid`, `request.repeated_parameter` */
export function readCheckQuery(target: string): z.output<typeof schema> {
  const own = target.replace(/^[^?]*\??/, '').replace(/(^|&)target=.*$/s, '');
  const given = new URLSearchParams(own);
  for (const name of given.keys()) {
    if (given.getAll(name).length > 1) {
      throw new Problem('request.repeated_parameter', { pointer: name });
    }
  }
  return validate(schema, Object.fromEntries(given));
}
