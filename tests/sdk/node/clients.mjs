// The two Node SDKs of the vendor with one small interface: a call's name and its parameters as the wire has them.
import { createRequire } from "node:module";
import { KEY, REGION, SECRET } from "./simulator.mjs";

const require = createRequire(import.meta.url);
const eci = require("@alicloud/eci20180808");
const { Config } = require("@alicloud/openapi-client");
const PopCore = require("@alicloud/pop-core");

/** An SDK's error: its code and, where the SDK has it, the HTTP status. */
export class Refused extends Error {
  constructor(code, status) {
    super(`${code} (${status})`);
    [this.code, this.status] = [code, status];
  }
}

const lower = (name) => (name.startsWith("VS") ? `vS${name.slice(2)}` : name[0].toLowerCase() + name.slice(1));
const fields = (entry) => Object.fromEntries(Object.entries(entry).map(([name, value]) => [lower(name), value]));
const upper = (value) => {
  if (Array.isArray(value)) return value.map(upper);
  if (value === null || typeof value !== "object") return value;
  const named = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(named.map(([name, one]) => [name[0].toUpperCase() + name.slice(1), upper(one)]));
};

/** `@alicloud/eci20180808`: signature V3, POST, all in the query. */
export function newSdk(port, { key = KEY, secret = SECRET } = {}) {
  const config = { accessKeyId: key, accessKeySecret: secret, regionId: REGION, protocol: "http" };
  const client = new eci.default(new Config({ ...config, endpoint: `127.0.0.1:${port}` }));
  return async (action, parameters = {}) => {
    const prefix = `${action}Request`;
    const typed = Object.entries(parameters).map(([name, value]) => {
      const Item = eci[prefix + name];
      return [lower(name), Item && Array.isArray(value) ? value.map((entry) => new Item(fields(entry))) : value];
    });
    try {
      const request = new eci[prefix]({ regionId: REGION, ...Object.fromEntries(typed) });
      return upper((await client[lower(action)](request)).body);
    } catch (error) {
      if (!error.code) throw error;
      throw new Refused(error.code, error.statusCode ?? error.data?.statusCode);
    }
  };
}

const flat = (parameters) => {
  const out = {};
  const put = (name, value) => {
    if (Array.isArray(value)) value.forEach((one, at) => put(`${name}.${at + 1}`, one));
    else if (typeof value === "object") Object.entries(value).forEach(([key, one]) => put(`${name}.${key}`, one));
    else out[name] = value;
  };
  Object.entries(parameters).forEach(([name, value]) => put(name, value));
  return out;
};

/** `@alicloud/pop-core`: signature V1, GET with a query or POST with a form. */
export const popCore = (method) => (port, { key = KEY, secret = SECRET } = {}) => {
  const client = new PopCore({
    accessKeyId: key, accessKeySecret: secret, endpoint: `http://127.0.0.1:${port}`, apiVersion: "2018-08-08",
  });
  return async (action, parameters = {}) => {
    try {
      const reply = await client.request(action, { RegionId: REGION, ...flat(parameters) }, { method, formatParams: false });
      return structuredClone(reply); // its objects have no prototype, which is nothing to compare
    } catch (error) {
      if (!error.code) throw error;
      throw new Refused(error.code, error.entry?.response?.statusCode);
    }
  };
};
