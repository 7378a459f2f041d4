import { z } from 'zod';
import { lineOfText } from '../kernel/text.ts';

/** The common parts of the documented calls' bodies. */

/** Any text that can be typed: whole characters and no control characters. The rules decide about its length. */
const passwordText = z
  .string()
  .min(1, 'must not be empty')
  .refine((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), 'must be text without control characters');

/** `{ "value": "…" }`, the form of the password calls. */
export const passwordValue = z.strictObject({ value: passwordText }).transform(({ value }) => value);

/** The login call also accepts plain text. */
export const loginPassword = z.union([passwordText, passwordValue], {
  error: 'must be a text, or an object with the member value',
});

/** `"corp-1"`, or `{ "type": "corporates", "id": "corp-1" }`. */
export const identityIdIn = z.union(
  [lineOfText(), z.strictObject({ type: z.literal('corporates'), id: lineOfText() }).transform(({ id }) => id)],
  { error: 'must be an id, or an object with type and id' },
);

export const identityIdOut = z.object({ type: z.literal('corporates'), id: z.string() });
