import { resolve } from 'node:path'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'
import vuetify from 'vite-plugin-vuetify'

// One project, two interfaces: `vite build --mode central` and `--mode security`.
export default defineConfig(({ mode }) => ({
  root: resolve(import.meta.dirname, 'src', mode),
  base: '/',
  plugins: [vue(), vuetify({ autoImport: true })],
  define: { __VUE_I18N_LEGACY_API__: false, __INTLIFY_JIT_COMPILATION__: true, __INTLIFY_DROP_MESSAGE_COMPILER__: false },
  build: { outDir: resolve(import.meta.dirname, 'dist', mode), emptyOutDir: true, sourcemap: false, assetsInlineLimit: 0, modulePreload: { polyfill: false }, chunkSizeWarningLimit: 900 },
}))
