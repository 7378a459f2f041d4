/** What applying a network file did. Names are `kind:id`, as in events. */
export interface ApplyReport {
  readonly realms: readonly RealmReport[];
  /** Only those that were made now: nobody else has them. Shown once. */
  readonly secrets: readonly MadeSecret[];
}

export interface RealmReport {
  readonly name: string;
  readonly created: readonly string[];
  readonly changed: readonly string[];
  /** How many entries of the file were so already. */
  readonly unchanged: number;
}

export interface MadeSecret {
  readonly realm: string;
  readonly clientId: string;
  readonly secret: string;
}
