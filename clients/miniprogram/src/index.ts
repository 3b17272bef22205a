export { Client, type Input, type Output } from "./client.js";
export { Interrupted, LoginFailed, Problem, type FieldError } from "./errors.js";
export type { components } from "./schema.js";
export { Transport, type Options } from "./transport.js";
export type { Wx } from "./wx.js";
