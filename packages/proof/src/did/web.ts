/**
 * did:web (https://w3c-ccg.github.io/did-method-web/): parsed and made here, fetched elsewhere. Only the canonical spelling is
 * accepted: one URL has one DID.
 */
import { listOf, text } from '../argument.ts';
import { ProofError } from '../error.ts';
import './refusal.ts';

/** A did:web, and the URL of its document. */
export interface DidWeb {
  readonly did: string;
  /** The host, with the port if there is one: `example.com`, `localhost:8443`. */
  readonly host: string;
  /** The URL of the document. */
  readonly url: string;
}

const prefix = 'did:web:';
const maxLength = 1_024;
const label = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;
/** RFC 3986 `unreserved` without `~`, which a DID cannot contain; `.` and `..` are refused separately. */
const segment = /^[A-Za-z0-9._-]{1,255}$/;

/**
 * Parses a did:web (https://w3c-ccg.github.io/did-method-web/) of at most 1,024 characters, in its canonical spelling.
 * It fetches nothing: the caller must fetch `url`, and check that the host may be called.
 *
 * @throws {ProofError} `did_web.malformed`, `did_web.host`, `did_web.path`
 * @example
 * const { url } = parseDidWeb('did:web:a.example:users:ann');
 * url; // → 'https://a.example/users/ann/did.json'
 */
export function parseDidWeb(did: string): DidWeb {
  if (typeof did !== 'string' || did.length > maxLength || !did.startsWith(prefix))
    throw new ProofError('did_web.malformed');
  const [authority, ...path] = did.slice(prefix.length).split(':');
  // "the colon MUST be percent encoded to prevent a conflict with paths"
  const [name, port, ...more] = (authority as string).split('%3A');
  if (name === undefined || more.length > 0 || !isHostName(name) || !isPort(port)) {
    throw new ProofError('did_web.host');
  }
  if (!path.every(isSegment)) throw new ProofError('did_web.path');
  const host = port === undefined ? name : `${name}:${port}`;
  const folder = path.length === 0 ? '.well-known' : path.join('/');
  return { did, host, url: `https://${host}/${folder}/did.json` };
}

/**
 * Makes the did:web of a host, with its port unless it is 443, and of the segments of a path.
 *
 * @throws {ProofError} `did_web.malformed`, `did_web.host`, `did_web.path`
 * @throws {TypeError} if `host` is not a string or `path` is not a list of strings
 * @example
 * const { did } = didWebOf('a.example:8443', ['users', 'ann']);
 * did; // → 'did:web:a.example%3A8443:users:ann'
 */
export function didWebOf(host: string, path: readonly string[] = []): DidWeb {
  text(host, 'host');
  listOf(text)(path, 'path');
  return parseDidWeb(prefix + [host.replace(':', '%3A'), ...path].join(':'));
}

/**
 * "it MUST NOT include IP addresses": the last label must not be a number. The name is in lower case and Punycode, without the
 * root's dot.
 */
function isHostName(name: string): boolean {
  const labels = name.split('.');
  const isNumber = /^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1) as string);
  return name.length <= 253 && !isNumber && labels.every((one) => label.test(one));
}

/** Port 443 is always left out. */
function isPort(port: string | undefined): boolean {
  return port === undefined || (/^[1-9]\d{0,4}$/.test(port) && Number(port) < 65_536 && port !== '443');
}

function isSegment(text: string): boolean {
  return segment.test(text) && text !== '.' && text !== '..';
}
