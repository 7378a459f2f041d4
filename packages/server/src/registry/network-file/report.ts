/** The result of applying a network file. Names are `kind:id`, as in events. */
export interface ApplyReport {
  readonly realms: readonly RealmReport[];
  /** Only the secrets that were made now. They are shown only here. */
  readonly secrets: readonly MadeSecret[];
}

export interface RealmReport {
  readonly name: string;
  readonly created: readonly string[];
  readonly changed: readonly string[];
  /** The number of entries that already matched the file. */
  readonly unchanged: number;
}

export interface MadeSecret {
  readonly realm: string;
  readonly clientId: string;
  readonly secret: string;
}
