import { realmOf } from '../../callers/realm.ts';
import { type MediaType, requireMediaType } from '../../http/body.ts';
import type { Call, CallerKind } from '../../route.ts';
import type { Realm } from '../../subject/realm.ts';
import { type AuthenticatedClient, authenticateClient } from './client-authentication.ts';
import { presentedProof } from './client-proof.ts';
import { type Parameters, parseForm, parseJsonParameters } from './parameters.ts';

const form: readonly MediaType[] = ['application/x-www-form-urlencoded'];
const formOrJson: readonly MediaType[] = [...form, 'application/json'];

/** The parameters of an OAuth request: a form, or also JSON if `jsonToo` is true. */
export async function readParameters(call: Call, jsonToo: boolean): Promise<Parameters> {
  const mediaType = requireMediaType(call.request, jsonToo ? formOrJson : form);
  const body = await call.bytes();
  return mediaType === 'application/json' ? parseJsonParameters(body) : parseForm(body);
}

/** The client that sends this request, with any method of proof. */
export async function authenticateCallingClient(
  call: Call,
  realm: Realm,
  parameters: Parameters,
  sameTwice = false,
): Promise<AuthenticatedClient> {
  const proof = presentedProof(call.request.headers.get('authorization'), parameters, sameTwice);
  return authenticateClient(call.context, realm, proof, call);
}

export interface CallingClient extends AuthenticatedClient {
  readonly realm: Realm;
  readonly parameters: Parameters;
}

/** A caller who proves itself as a client, in the header or in the form. `sameTwice`: the same proof may be in both. */
export function client(sameTwice: (realm: Realm) => boolean): CallerKind<CallingClient> {
  return {
    security: 'client',
    async authenticate(call) {
      const realm = await realmOf(call);
      const parameters = await readParameters(call, false);
      return { realm, parameters, ...(await authenticateCallingClient(call, realm, parameters, sameTwice(realm))) };
    },
  };
}
