import { makeClient } from '../shared/api'
import type { components, paths } from './schema.gen'

export type Schemas = components['schemas']
export const api = makeClient<paths>()

/** Bytes of a file as the API takes them in JSON. */
export async function base64(file: File): Promise<string> {
  let text = ''
  for (const b of new Uint8Array(await file.arrayBuffer())) text += String.fromCharCode(b)
  return btoa(text)
}

export function formData(values: Record<string, unknown>): FormData {
  const form = new FormData()
  for (const [key, value] of Object.entries(values)) {
    if (value instanceof File) form.append(key, value)
    else if (value !== undefined && value !== null && value !== '') form.append(key, String(value))
  }
  return form
}
