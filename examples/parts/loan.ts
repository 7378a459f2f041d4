/** The messages of a loan application in the form of OCEN 4.0, with only the members that the examples need. */
import { randomUUID } from 'node:crypto';

export const paths = {
  request: '/v4.0.0alpha/loanApplications/createLoanRequest',
  response: '/v4.0.0alpha/loanApplications/createLoanResponse',
  state: '/v4.0.0alpha/loanApplications/:id',
} as const;

interface Metadata {
  readonly version: string;
  readonly originatorOrgId: string;
  readonly timestamp: string;
  readonly traceId: string;
  readonly requestId: string;
}

interface LoanApplication {
  readonly loanApplicationId: string;
  readonly borrower: { readonly name: string };
  readonly loan: { readonly amount: string; readonly currency: string };
}

export interface LoanRequest {
  readonly metadata: Metadata;
  readonly productData: { readonly productId: string; readonly productNetworkId: string };
  readonly loanApplications: readonly LoanApplication[];
}

/** It comes after the acknowledgement, in a separate call. */
export interface LoanResponse extends LoanRequest {
  readonly response: { readonly status: 'SUCCESS'; readonly responseDetail: string };
}

export interface Acknowledgement {
  readonly error: string | null;
  readonly traceId: string;
  readonly timestamp: string;
}

export function loanRequest(productNetworkId: string): LoanRequest {
  const loan = { amount: '250000.00', currency: 'INR' };
  return {
    metadata: metadata('example-loan-agent', randomUUID()),
    productData: { productId: 'example-loan', productNetworkId },
    loanApplications: [{ loanApplicationId: randomUUID(), borrower: { name: 'Asha Rao' }, loan }],
  };
}

export function loanResponse(request: LoanRequest): LoanResponse {
  const offers = request.loanApplications.map(({ loan }) => `${loan.amount} ${loan.currency} at 11 percent`);
  return {
    ...request,
    metadata: metadata('example-lender', request.metadata.traceId),
    response: { status: 'SUCCESS', responseDetail: offers.join(', ') },
  };
}

export function acknowledgement({ metadata: { traceId } }: LoanRequest): Acknowledgement {
  return { error: null, traceId, timestamp: new Date().toISOString() };
}

function metadata(originatorOrgId: string, traceId: string): Metadata {
  return {
    version: '4.0.0alpha',
    originatorOrgId,
    timestamp: new Date().toISOString(),
    traceId,
    requestId: randomUUID(),
  };
}
