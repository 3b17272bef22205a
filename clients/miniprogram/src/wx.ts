/** The part of the global `wx` that the client uses; the real one satisfies it. */
export interface Wx {
  request(options: {
    url: string;
    method: Method;
    header: Record<string, string>;
    data?: string;
    timeout: number;
    /** Text, not parsed: what a proxy answers need not be JSON. */
    dataType: "其他";
    success(result: { statusCode: number; header: Record<string, string>; data: unknown }): void;
    fail(error: { errMsg: string }): void;
  }): unknown;
  uploadFile(options: {
    url: string;
    filePath: string;
    name: string;
    header: Record<string, string>;
    formData: Record<string, string>;
    timeout: number;
    success(result: { statusCode: number; data: string }): void;
    fail(error: { errMsg: string }): void;
  }): unknown;
  login(options: { success(result: { code: string }): void; fail(error: { errMsg: string }): void }): unknown;
  getStorageSync(key: string): unknown;
  setStorageSync(key: string, value: unknown): void;
  removeStorageSync(key: string): void;
}

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
