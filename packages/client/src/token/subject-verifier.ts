import {
  accessTokenTypes,
  ProofError,
  type Subject,
  subjectFromToken,
  transactionTokenTypes,
  walletTokenTypes,
} from '@countersign/proof';
import { type Checks, listOf, names, oneOf, options as optionsOf } from '@countersign/proof/argument';
import { ClientError } from '../error.ts';
import { problem } from '../message/message-problem.ts';
import { createJwtVerifier, type JwtVerifierOptions, jwtVerifierChecks } from './jwt-verifier.ts';
import './caller-refusal.ts';

/** The kind of a subject. */
export type SubjectKind = Subject['kind'];

/** The issuer of tokens, and the rules for their subjects. */
export interface SubjectVerifierOptions extends JwtVerifierOptions {
  /** The names of this service in `aud`. A token that names none of them is refused. */
  readonly audience: string | readonly string[];
  /** The accepted kinds of subjects; all others are refused. */
  readonly accept: readonly SubjectKind[];
}

/** Verifies tokens of every accepted kind. */
export interface SubjectVerifier {
  /**
   * Returns the subject of a token of any type that is valid now.
   *
   * @throws {ProofError} if the token is refused
   * @throws {MessageProblem} `token.kind` if its kind of subject is not accepted
   * @throws {ClientError} if the keys of the issuer cannot be fetched: this is not a fault of the token
   */
  verify(token: string): Promise<Subject>;
}

const typesOf: Readonly<Record<SubjectKind, readonly string[]>> = {
  participant: accessTokenTypes,
  client: accessTokenTypes,
  credential: transactionTokenTypes,
  wallet: walletTokenTypes,
};

/**
 * Whether a token of this kind must name the service itself: one for the issuer is only for an exchange, or for the wallet's
 * own calls.
 */
function isForOneService(kind: SubjectKind): boolean {
  return kind === 'credential' || kind === 'wallet';
}

/**
 * Makes a verifier of every type of token with a subject, offline: access tokens of participants and clients, the
 * signed subject of a credential, and tokens of wallets. `now` is in milliseconds since the epoch, `clockTolerance` in
 * seconds. A token of a kind that is not in `accept` is refused.
 *
 * It does not check whether a token was revoked. The caller must check that the presenter of a bound token holds its
 * key. A service must refuse a signed subject or a wallet's token for the issuer. So if the issuer is named as an
 * audience, only access tokens for the issuer are accepted, such as those of profile `ocen4`.
 *
 * @throws {ClientError} `verifier.audience`, `verifier.accept` if the options name no audience or no kind,
 * `discovery.issuer_url`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const verifier = createSubjectVerifier({ ...realm, audience: api, accept: ['wallet'], now: clock });
 * (await verifier.verify(await issuer.walletToken())).id; // → 'wallet:alice'
 * await verifier.verify(await issuer.accessToken()); // throws jwt.typ
 */
export function createSubjectVerifier(options: SubjectVerifierOptions): SubjectVerifier {
  return subjectVerifier(optionsOf(options, 'options', subjectVerifierChecks));
}

export const subjectVerifierChecks: Checks<SubjectVerifierOptions> = {
  ...jwtVerifierChecks,
  // An empty list passes here, because it has its own code.
  audience: (value, name) => (Array.isArray(value) && value.length === 0 ? value : names(value, name)),
  accept: listOf(oneOf(...Object.keys(typesOf))),
};

/** `createSubjectVerifier` for checked options. */
export function subjectVerifier(options: SubjectVerifierOptions): SubjectVerifier {
  const { issuer, accept } = options;
  const audience = [options.audience].flat();
  const own = new Set(audience.filter((one) => one !== issuer));
  if (accept.length === 0) throw new ClientError('verifier.accept', 'Name the kinds of subjects that are let in.');
  if (audience.length === 0 || (accept.some(isForOneService) && own.size === 0)) {
    throw new ClientError('verifier.audience', 'Name an audience of your own: the issuer is for exchange only.');
  }
  const typ = [...new Set(accept.flatMap((kind) => typesOf[kind]))];
  const verifyToken = createJwtVerifier(options, { typ, audience });
  return {
    async verify(token) {
      const subject = subjectFromToken(await verifyToken(token));
      // The type of an access token does not show whether its subject is a participant or a client.
      if (!accept.includes(subject.kind)) throw problem('token.kind');
      if (isForOneService(subject.kind) && !subject.audience.some((one) => own.has(one))) {
        throw new ProofError('jwt.audience');
      }
      return subject;
    },
  };
}
