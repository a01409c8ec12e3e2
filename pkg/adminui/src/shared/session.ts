import { defineStore } from 'pinia'

export interface User { username: string; roles: string[]; permissions: string[] }

/** Who is logged in, and whether the log-in ran out while something was asked. */
export const useSession = defineStore('session', {
  state: () => ({ user: undefined as User | undefined, expired: false, waiting: [] as (() => void)[], notice: '', noticeTo: '' }),
  actions: {
    can(...permissions: string[]): boolean {
      return permissions.some((p) => this.user?.permissions.includes(p))
    },
    /** Waits until the person has logged in again; what was typed stays where it is. */
    again(): Promise<void> {
      this.expired = true
      return new Promise((done) => this.waiting.push(done))
    },
    renewed() {
      this.expired = false
      for (const done of this.waiting.splice(0)) done()
    },
    say(text: string, to = '') {
      this.notice = text
      this.noticeTo = to
    },
  },
})
