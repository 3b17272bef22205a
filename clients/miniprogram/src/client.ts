import type { paths } from "./schema.js";
import { Transport, type Options } from "./transport.js";

type Verb = "get" | "post" | "put" | "patch" | "delete";
type PathsWith<V extends Verb> = { [P in keyof paths]: paths[P] extends Record<V, object> ? P : never }[keyof paths];
type Operation<P extends keyof paths, V extends Verb> = paths[P] extends Record<V, infer O> ? O : never;

type Inputs<O> = O extends { parameters: infer I } ? I : never;
type PathOf<O> = Inputs<O> extends { path: infer T } ? { path: T } : unknown;
type QueryOf<O> = Inputs<O> extends { query: infer T } ? { query: T } : { query?: Exclude<Optional<Inputs<O>, "query">, undefined> };
type Optional<I, K extends string> = I extends { [N in K]?: infer T } ? T : never;
type BodyOf<O> = O extends { requestBody: { content: { "application/json": infer B } } }
  ? { body: B }
  : O extends { requestBody?: { content: { "application/json": infer B } } }
    ? { body?: B }
    : unknown;
/** What an operation takes: the places in its path, its query, its body, and the key that makes a POST repeatable. */
export type Input<P extends keyof paths, V extends Verb> = PathOf<Operation<P, V>> &
  QueryOf<Operation<P, V>> &
  BodyOf<Operation<P, V>> &
  (V extends "post" ? { key?: string } : unknown);

type Answered<O> = O extends { responses: infer R }
  ? { [S in keyof R]: S extends 200 | 201 | 202 ? (R[S] extends { content: { "application/json": infer B } } ? B : undefined) : S extends 204 ? undefined : never }[keyof R]
  : never;
/** What an operation answers when it succeeds. */
export type Output<P extends keyof paths, V extends Verb> = Answered<Operation<P, V>>;

/** The input may be left out where nothing in it is a must. */
type Given<I> = Record<string, never> extends I ? [input?: I] : [input: I];

interface Loose {
  path?: Record<string, string>;
  query?: Record<string, unknown>;
  body?: unknown;
  key?: string;
}

/** The API, typed by its OpenAPI document: `client.get("/v1/cases", { query: { mine: true } })`. */
export class Client {
  readonly transport: Transport;

  constructor(options: Options) {
    this.transport = new Transport(options);
  }

  get<P extends PathsWith<"get">>(path: P, ...given: Given<Input<P, "get">>): Promise<Output<P, "get">> {
    return this.call("GET", path, given[0]) as Promise<Output<P, "get">>;
  }

  post<P extends PathsWith<"post">>(path: P, ...given: Given<Input<P, "post">>): Promise<Output<P, "post">> {
    return this.call("POST", path, given[0]) as Promise<Output<P, "post">>;
  }

  put<P extends PathsWith<"put">>(path: P, ...given: Given<Input<P, "put">>): Promise<Output<P, "put">> {
    return this.call("PUT", path, given[0]) as Promise<Output<P, "put">>;
  }

  patch<P extends PathsWith<"patch">>(path: P, ...given: Given<Input<P, "patch">>): Promise<Output<P, "patch">> {
    return this.call("PATCH", path, given[0]) as Promise<Output<P, "patch">>;
  }

  delete<P extends PathsWith<"delete">>(path: P, ...given: Given<Input<P, "delete">>): Promise<Output<P, "delete">> {
    return this.call("DELETE", path, given[0]) as Promise<Output<P, "delete">>;
  }

  /** Every item of a list, page after page as they are asked for. */
  async *items<P extends Listed>(path: P, ...given: Given<Input<P, "get">>): AsyncGenerator<Item<P>> {
    const first = (given[0] ?? {}) as Loose;
    let after: string | null = null;
    do {
      const query: Record<string, unknown> = after === null ? (first.query ?? {}) : { ...first.query, after };
      const page = (await this.call("GET", path, { ...first, query })) as Page<Item<P>>;
      yield* page.items;
      after = page.next;
    } while (after !== null);
  }

  private call(method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE", path: string, input: unknown): Promise<unknown> {
    const { path: places = {}, query = {}, body, key } = (input ?? {}) as Loose;
    return this.transport.send({
      method,
      path: filled(path, places) + asQuery(query),
      ...(body !== undefined && { body }),
      ...(key !== undefined && { key }),
    });
  }
}

interface Page<T> {
  items: T[];
  next: string | null;
}
type Listed = { [P in PathsWith<"get">]: Output<P, "get"> extends { items: unknown[] } ? P : never }[PathsWith<"get">];
type Item<P extends Listed> = Output<P, "get"> extends { items: (infer T)[] } ? T : never;

function filled(template: string, places: Record<string, string>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const place = places[name];
    if (place === undefined) throw new TypeError(`${template}: ${name} is missing`);
    return encodeURIComponent(place);
  });
}

function asQuery(query: Record<string, unknown>): string {
  const parts = Object.entries(query)
    .flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((one) => [name, one] as const))
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`);
  return parts.length > 0 ? `?${parts.join("&")}` : "";
}
