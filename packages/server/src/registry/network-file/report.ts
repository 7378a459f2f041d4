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
  /** Only if the file deletes something. */
  readonly deleted?: readonly string[];
  /** The number of entries that already matched the file. */
  readonly unchanged: number;
  /** Only if the file names an offboarded participant: the JSON pointers of the mappings that were passed over. */
  readonly skipped?: readonly string[];
}

export interface MadeSecret {
  readonly realm: string;
  readonly clientId: string;
  readonly secret: string;
}
