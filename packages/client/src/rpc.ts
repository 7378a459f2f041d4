/** The services and messages of `proto/countersign/v1`, for any Connect transport, and the details of refusals. */
export * from './gen/countersign/v1/wallet_pb.ts';
export { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from './gen/google/rpc/error_details_pb.ts';
