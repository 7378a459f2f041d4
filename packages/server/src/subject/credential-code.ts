import { z } from 'zod';
import { isLine, lineOfText } from '../kernel/text.ts';
import { mailAddress } from '../mail/address.ts';
import { isUsername } from './username.ts';

const longest = 255;

/**
 * By which a credential is recognised at a login: a name or an address, unique in its realm. People write it with capitals, in full
 * width, or with a blank that came along with a copy, and mean the same; and no code may pass for another that differs in no more than
 * that. So a code is folded wherever it comes in, is stored folded, and is compared exactly.
 *
 * What becomes a code is an RFC 8265 username (`isUsername`), for which this is the same as that profile's own mapping. What is looked for
 * is folded only: a code of before that rule goes on to log in.
 */
export function foldCredentialCode(given: string): string {
  return given.normalize('NFKC').toLowerCase().normalize('NFKC').trim();
}

/** Some characters fold into many: the bound holds before and after. */
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

/** Where mail for a credential goes, in its one spelling. */
export const credentialMail = lineOfText()
  .overwrite((given) => mailAddress(given) ?? given)
  .refine((given) => mailAddress(given) !== undefined, 'must be an e-mail address such as name@example.org');
