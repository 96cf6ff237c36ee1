/* Whether an emulator of RISC-V can truncate a vector: vfcvt.rtz.x.f.v of four ones; written as numbers,
 * since the assembler may not know vectors. */
int main(void)
{
    long one = 0;
    __asm__ volatile("li t0, 4\n"
                     ".word 0x0d02f057\n" /* vsetvli zero, t0, e32, m1, ta, ma */
                     "li t1, 0x3f800000\n"
                     ".word 0x5e034457\n" /* vmv.v.x v8, t1 */
                     ".word 0x4a839457\n" /* vfcvt.rtz.x.f.v v8, v8 */
                     ".word 0x42802357\n" /* vmv.x.s t1, v8 */
                     "mv %0, t1"
                     : "=r"(one)
                     :
                     : "t0", "t1", "memory");
    return one == 1 ? 0 : 1;
}
