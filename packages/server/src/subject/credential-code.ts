import { z } from 'zod';
import { mailAddress } from '../kernel/mail-address.ts';
import { isLine, lineOfText } from '../kernel/text.ts';
import { isUsername } from './username.ts';

const longest = 255;

/**
 * The name or address that recognises a credential at a login, unique in its realm. People type it with capitals, in
 * full width, or with a blank from copying, and mean the same code. No code may pass for another that differs only in
 * that. So a code is folded wherever it comes in, stored folded, and compared exactly.
 *
 * A new code must be an RFC 8265 username (`isUsername`), for which folding equals that profile's own mapping. A code
 * in a lookup is only folded, so codes from before that rule can still log in.
 */
export function foldCredentialCode(given: string): string {
  return given.normalize('NFKC').toLowerCase().normalize('NFKC').trim();
}

/** The bound holds before and after folding, because some characters fold into many. */
export const credentialCode = z
  .string()
  .min(1)
  .max(longest)
  .refine(isLine, 'must be one line of text without control characters')
  .refine(
    isUsername,
    'must be letters, digits and signs of ASCII, with nothing invisible and in one direction (RFC 8265)',
  )
  .overwrite(foldCredentialCode)
  .min(1, 'must not be blank')
  .max(longest, `must have at most ${longest} characters when folded`);

/** The address for a credential's mail, in its one spelling. */
export const credentialMail = lineOfText()
  .overwrite((given) => mailAddress(given) ?? given)
  .refine((given) => mailAddress(given) !== undefined, 'must be an e-mail address such as name@example.org');
