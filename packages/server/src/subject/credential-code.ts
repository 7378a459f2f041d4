import { isLine, lineOfText } from '../kernel/text.ts';
import { mailAddress } from '../mail/address.ts';

const longest = 255;

/**
 * By which a credential is recognised at a login: a name or an address, unique in its realm. People write it with capitals, in full
 * width, or with a blank that came along with a copy, and mean the same; and nobody shall be able to pass for another whose code
 * differs in no more than that. So a code is folded wherever it comes in, is stored folded, and is compared exactly.
 *
 * RFC 8265 §3.3 (UsernameCaseMapped), with the compatibility forms of NFKC for its width mapping.
 */
export function foldCredentialCode(given: string): string {
  return given.normalize('NFKC').toLowerCase().normalize('NFKC').trim();
}

/** Some characters fold into many: the bound holds before and after. */
export const credentialCode = lineOfText(longest)
  .overwrite(foldCredentialCode)
  .min(1, 'must not be blank')
  .max(longest, `must have at most ${longest} characters when folded`)
  .refine(isLine, 'must be one line of text without control characters');

/** Where mail for a credential goes, in its one spelling. */
export const credentialMail = lineOfText()
  .overwrite((given) => mailAddress(given) ?? given)
  .refine((given) => mailAddress(given) !== undefined, 'must be an e-mail address such as name@example.org');
