// Calls every function of the program, each in an instance of its own, since a panic ends an instance.
import { readFile } from 'node:fs/promises'

const module = new WebAssembly.Module(await readFile(process.argv[2]))
const names = WebAssembly.Module.exports(module).filter(({ kind }) => kind === 'function').map(({ name }) => name)
for (const name of names.filter((name) => name !== 'print_panics')) {
  console.log(`--- ${name.replaceAll('_', ' ')}`)
  const print = (text, length) => {
    console.log(new TextDecoder().decode(new Uint8Array(instance.exports.memory.buffer, text >>> 0, length)))
  }
  const instance = new WebAssembly.Instance(module, { env: { print } })
  instance.exports.print_panics()
  try {
    instance.exports[name]()
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error
    console.log('(trapped)')
  }
}
