import { domainToASCII } from 'node:url';
import { Problem } from './problem.ts';

/** An address that can be put on an envelope as it is: one line of ASCII that neither SMTP nor a header can misread. */
export type MailAddress = string & { readonly mailAddress: true };

/**
 * RFC 5322 §3.2.3 `dot-atom-text`: no quotes, comments or spaces. The caller also refuses encoded words (RFC 2047),
 * which pass here but are read as another address.
 */
const localPart = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/i;
/** Characters of a domain before it is encoded: no separator of a URL, no percent sign. */
const domainText = /^[\p{L}\p{M}\p{N}.-]+$/u;
const domainName = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * `local@domain`, or undefined. The domain is put in lower case and an international one encoded (RFC 5891), so that
 * one mailbox has one spelling. The local part stays, because only its own server knows what its case means. A local
 * part beyond ASCII is refused, because it needs SMTPUTF8 in every server on its way.
 */
export function mailAddress(text: string): MailAddress | undefined {
  if (text.length > 254) return undefined;
  const at = text.lastIndexOf('@');
  const local = text.slice(0, at);
  const written = text.slice(at + 1);
  if (at < 1 || local.length > 64 || !localPart.test(local) || local.includes('=?') || !domainText.test(written))
    return undefined;
  const domain = domainToASCII(written);
  // The last label begins with a letter, so IP addresses are refused in every notation.
  if (domain.length > 253 || !domainName.test(domain)) return undefined;
  const address = `${local}@${domain}`;
  return address.length > 254 ? undefined : (address as MailAddress);
}

/** The form in which addresses are compared: the same mailbox for nearly every server. Mail goes to the address itself. */
export function addressKey(address: MailAddress): string {
  return address.toLowerCase();
}

/** The address in a field of a request. @throws {Problem} `request.invalid` with the field */
export function requireMailAddress(text: string, pointer: string): MailAddress {
  const address = mailAddress(text);
  if (address === undefined) {
    throw new Problem('request.invalid', {
      detail: `${pointer} must be an e-mail address such as name@example.org.`,
      pointer,
    });
  }
  return address;
}
