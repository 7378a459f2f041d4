/** A recovery of a wallet by mail. Times are in milliseconds since the epoch. */
export interface RecoveryEntry {
  readonly id: string;
  /** `running`: waits. `ready`: the code for the new device was mailed. The others have ended. */
  readonly state: 'running' | 'ready' | 'completed' | 'cancelled' | 'failed';
  /** The DID of the new device. */
  readonly did: string;
  readonly started: number;
  /** When it came into this state. */
  readonly changed: number;
  /** While it runs: when the code is mailed at the earliest. */
  readonly earliest?: number;
  /** A device that was used within 30 days has not approved it. */
  readonly needsApproval: boolean;
}
