from jitc._tool import main

main()
