from jitc._tool import main

if __name__ == "__main__":
    main()
